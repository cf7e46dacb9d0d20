local automated = (obj.spec.syncPolicy or {}).automated
local on = automated ~= nil and automated.enabled ~= false
return { ["toggle-auto-sync"] = { displayName = on and "Disable Auto-Sync" or "Enable Auto-Sync" } }
