local replicas = tonumber(actionParams.replicas)
if replicas == nil or replicas < 0 or replicas ~= math.floor(replicas) then
  error("replicas must be a whole number, not " .. tostring(actionParams.replicas), 0)
end
obj.spec.replicas = replicas
return obj
