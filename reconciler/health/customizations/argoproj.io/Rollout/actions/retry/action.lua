if obj.status then
  obj.status.abort = nil
end
return obj
