-- By phase (Argo Rollouts, AnalysisPhase); an inconclusive one says nothing either way.
local status = obj.status or {}
local verdicts = { Successful = "Healthy", Failed = "Degraded", Error = "Degraded", Inconclusive = "Unknown" }
return { status = verdicts[status.phase] or "Progressing", message = status.message or "" }
