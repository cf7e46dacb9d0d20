obj.spec.paused = nil
if obj.status then
  obj.status.pauseConditions = nil
end
return obj
