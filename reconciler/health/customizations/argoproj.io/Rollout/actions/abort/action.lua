obj.status = obj.status or {}
obj.status.abort = true
return obj
