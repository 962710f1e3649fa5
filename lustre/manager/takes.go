package manager

import (
	"time"

	"github.com/evenkeel-ha/evenkeel"
)

// takes is what is known of an action's time. The guide names none: these are guesses, and say so. How long a mirror of the
// repositories or the load of a database takes, nobody knows before.
func (m *Manager) takes(a *evenkeel.Action) evenkeel.Estimate {
	guess := func(least, most time.Duration, of string) evenkeel.Estimate {
		return evenkeel.Estimate{Least: least, Most: most, From: "a guess: " + of, Guessed: true}
	}
	switch {
	case a.ID == "install" && a.Manual != "":
		return guess(30*time.Minute, 90*time.Minute, "the operating system installed by hand")
	case a.ID == "install", a.ID == "tools":
		return guess(2*time.Minute, 30*time.Minute, "an installation of packages")
	case a.ID == "upload", a.ID == "backup" && len(a.Makes) > 0:
		return guess(5*time.Second, 5*time.Minute, "a backup or an installer that is copied")
	}
	return evenkeel.Estimate{}
}
