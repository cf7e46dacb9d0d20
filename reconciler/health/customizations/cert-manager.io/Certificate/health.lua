-- Ready says whether the secret holds a certificate as asked for; Issuing is True while one is made, and False with the
-- reason Failed after the last attempt failed (cert-manager, reference of the API, CertificateConditionType).
local status = obj.status or {}
local found = {}
for _, condition in ipairs(status.conditions or {}) do
  found[condition.type] = condition
end
local ready, issuing = found.Ready, found.Issuing
local wanted = obj.metadata.generation
if ready and ready.status == "True" and not (wanted and ready.observedGeneration and ready.observedGeneration < wanted) then
  return { status = "Healthy", message = ready.message or "" }
end
if issuing and issuing.status == "True" then
  return { status = "Progressing", message = issuing.message or "" }
end
if issuing and issuing.status == "False" and issuing.reason == "Failed" then
  return { status = "Degraded", message = issuing.message or "" }
end
return { status = "Progressing", message = ready and ready.message or "Waiting for the certificate to be issued" }
