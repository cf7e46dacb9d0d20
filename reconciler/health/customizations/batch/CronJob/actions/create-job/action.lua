-- As kubectl create job --from=cronjob/NAME does it.
local template = obj.spec.jobTemplate
local from = template.metadata or {}
local annotations = from.annotations or {}
annotations["cronjob.kubernetes.io/instantiate"] = "manual"
local job = {
  apiVersion = "batch/v1",
  kind = "Job",
  metadata = {
    name = string.sub(obj.metadata.name, 1, 48) .. "-" .. os.date("!%Y%m%d%H%M%S"),
    namespace = obj.metadata.namespace,
    labels = from.labels,
    annotations = annotations,
    ownerReferences = {
      { apiVersion = obj.apiVersion, kind = obj.kind, name = obj.metadata.name, uid = obj.metadata.uid, controller = true },
    },
  },
  spec = template.spec,
}
return { { operation = "create", resource = job } }
