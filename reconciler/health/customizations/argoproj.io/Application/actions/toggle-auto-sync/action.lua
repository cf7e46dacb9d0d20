-- What automated says beside stays, so that switching it on again gives what was there before.
local policy = obj.spec.syncPolicy or {}
local automated = policy.automated
if automated == nil then
  automated = { enabled = true }
else
  automated.enabled = automated.enabled == false
end
policy.automated = automated
obj.spec.syncPolicy = policy
return obj
