-- The Job controller ends the pods of a Job whose time is over, and marks it as failed; deleting would lose its record.
obj.spec.activeDeadlineSeconds = 1
return obj
