package steps

import "github.com/evenkeel-ha/evenkeel"

// Apart are the actions of a step that only looks, each as a step of its own. They run at the same time, and each is carried out
// whatever the others find: all that would stop an upgrade is said at once.
func Apart(s evenkeel.Step) (list []evenkeel.Step) {
	for i := range s.Actions {
		a := &s.Actions[i]
		step := evenkeel.Step{ID: a.ID, Title: a.Title, Host: s.Host, Ref: s.Ref, Parallel: "checks", Actions: []evenkeel.Action{*a}}
		for _, made := range a.Makes {
			step.Makes = append(step.Makes, made.Key)
		}
		list = append(list, step)
	}
	return list
}
