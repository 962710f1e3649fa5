package pair

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Brief is a look that does not hold an outage up when its tool hangs (H19).
func Brief(argv ...string) sshexec.Cmd {
	cmd := sshexec.Command(sshexec.ReadOnly, argv...)
	cmd.Timeout = 20 * time.Second
	return cmd
}

// Held says of units, by their ID, why they are not proven to be gone. One that is not in it is gone.
type Held map[string]string

func (h Held) add(u Unit, why string, args ...any) {
	if h[u.ID] == "" {
		h[u.ID] = fmt.Sprintf(why, args...)
	}
}

// String is "unit (why), …".
func (h Held) String() string {
	var out []string
	for id, why := range h {
		out = append(out, id+" ("+why+")")
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// answers are what commands answered on a host, each asked once.
type answers struct {
	at   evenkeel.Site
	host string
	got  map[string]sshexec.Result
	away error // why the host cannot be reached: each more question would wait as long
}

// ask looks on the host; what was asked already is not asked again.
func (a *answers) ask(ctx context.Context, l Look) (Found, string, error) {
	key := strings.Join(l.Argv, "\x00")
	res, have := a.got[key]
	if !have {
		if a.away != nil {
			return 0, "", a.away
		}
		var err error
		res, err = a.at.Run(ctx, a.host, Brief(l.Argv...))
		if errors.Is(err, sshexec.ErrUnreachable) {
			a.away = err
		}
		if err != nil && res.Outcome != evenkeel.Exited {
			return 0, "", err
		}
		a.got[key] = res
	}
	found, seen, err := l.Judge(res)
	if err != nil {
		err = fmt.Errorf("%s: %w", a.host, err)
	}
	return found, seen, err
}

// Holding looks on a host which of the units it holds, by their profiles, once. It is an error where a look does not say,
// and of a unit that no look can tell about.
func Holding(ctx context.Context, at evenkeel.Site, host string, units []Unit) (Held, error) {
	for _, u := range units {
		if u.Unproven != "" {
			return nil, fmt.Errorf("%s: %s: %w", u.ID, u.Unproven, ErrNotProven)
		}
	}
	return seen(ctx, at, host, units)
}

// seen is what the looks that there are see of units on a host. Of what has none, they see nothing.
func seen(ctx context.Context, at evenkeel.Site, host string, units []Unit) (Held, error) {
	held, asked := Held{}, answers{at: at, host: host, got: map[string]sshexec.Result{}}
	for _, u := range units {
		for _, m := range u.Members {
			switch found, what, err := asked.of(ctx, m); {
			case err != nil:
				return nil, err
			case found != Absent:
				held.add(u, "%s: %s", m.ID, what)
			}
		}
	}
	return held, nil
}

// of is what the looks find of a member: Present where one says so, else Perhaps where one does.
func (a *answers) of(ctx context.Context, m Member) (Found, string, error) {
	worst, why := Absent, ""
	for _, l := range m.Gone {
		found, seen, err := a.ask(ctx, l)
		if err != nil {
			return 0, "", err
		}
		if found == Present || found == Perhaps && worst == Absent {
			worst, why = found, seen
		}
	}
	return worst, why, nil
}

// Lacking looks on a host for all that the units need to start, and says what is missing.
func Lacking(ctx context.Context, at evenkeel.Site, host string, units []Unit) (missing []string, _ error) {
	asked := answers{at: at, host: host, got: map[string]sshexec.Result{}}
	for _, u := range units {
		for _, m := range u.Members {
			for _, l := range m.Needs {
				found, seen, err := asked.ask(ctx, l)
				switch {
				case err != nil:
					return nil, err
				case found != Present:
					missing = append(missing, fmt.Sprintf("%s wants that %s: %s", m.ID, l.Text, seen))
				}
			}
		}
	}
	return missing, nil
}

// Recorded says why the record of a cluster speaks against a resource being gone from a node, where it does: an operation
// that is under way, failed, or last found it running. stopped says that the last that was recorded is a stop that
// succeeded. That nothing is recorded proves nothing, either way (H27).
func Recorded(cib *pacemaker.CIB, node, resource string) (why string, stopped bool) {
	switch last, is := cib.LastOperation(node, resource); is {
	case pacemaker.RecordStopped:
		return "", true
	case pacemaker.RecordNone, pacemaker.RecordNotFound:
		return "", false
	case pacemaker.RecordUnderWay:
		return "its " + last.Task + " is under way", false
	case pacemaker.RecordRunning:
		return fmt.Sprintf("the last that the cluster recorded is a %s that succeeded", last.Task), false
	default:
		return fmt.Sprintf("the last that the cluster recorded is a %s with exit status %d, status %d", last.Task, last.ExitCode,
			last.Status), false
	}
}

// recorded adds the units that the record of a cluster says are not gone from a node.
func recorded(cib *pacemaker.CIB, node, host string, units []Unit, held Held) {
	for _, u := range units {
		for _, m := range u.Members {
			why, _ := Recorded(cib, node, m.ID)
			if _, is := cib.LastOperation(node, m.ID); is == pacemaker.RecordFailed { // of one that is under way it would hide the end (H27)
				why += fmt.Sprintf("; see on %s why, and stop it there by hand. Only when none of this is so: %s, forget the record by "+
					"crm_resource --cleanup -r %s", host, proofs([]Unit{u}), m.ID)
			}
			if why != "" {
				held.add(u, "%s: %s", m.ID, why)
			}
		}
	}
}
