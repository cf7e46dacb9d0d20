local phase = (obj.status or {}).phase
local ended = phase == "Successful" or phase == "Failed" or phase == "Error" or phase == "Inconclusive"
return { terminate = { disabled = ended or obj.spec.terminate == true } }
