-- What can be done follows from the status, as the plug-in of kubectl allows it.
local status = obj.status or {}
local paused = obj.spec.paused == true or (status.pauseConditions ~= nil and #status.pauseConditions > 0)
local running = status.currentPodHash ~= nil and status.currentPodHash ~= status.stableRS
local actions = {}
actions["restart"] = {}
actions["pause"] = { disabled = paused }
actions["resume"] = { disabled = not paused }
actions["abort"] = { disabled = not running or status.abort == true }
actions["retry"] = { disabled = status.abort ~= true }
actions["promote-full"] = { disabled = not running or status.abort == true or status.promoteFull == true }
local steps = ((obj.spec.strategy or {}).canary or {}).steps or {}
local stepping = running and status.abort ~= true and (status.currentStepIndex or 0) < #steps
actions["skip-current-step"] = { disabled = not stepping }
return actions
