obj.status = obj.status or {}
obj.status.promoteFull = true
return obj
