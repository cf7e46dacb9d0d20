-- As the plug-in of kubectl promotes past a step: the next one begins, and what the step waited for is forgotten.
local steps = obj.spec.strategy.canary.steps
obj.status.currentStepIndex = math.min((obj.status.currentStepIndex or 0) + 1, #steps)
obj.status.pauseConditions = nil
return obj
