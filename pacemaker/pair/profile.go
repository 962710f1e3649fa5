package pair

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Profile says what a runbook has to know of one kind of resource.
type Profile struct {
	Name   string   // such as "filesystem"
	Agents []string // as [pacemaker.Resource.Agent] writes them; one that ends in a colon is all of its class: "systemd:"
	// PerNode says that both nodes may have it at once, each for itself: nothing that the agent does reaches the other node.
	PerNode bool
	// Promotable says that the agent replicates: a copy runs on each node, and one of them is promoted.
	Promotable bool
	// Of reads one resource. An error says that its parameters do not tell what it holds.
	Of func(r pacemaker.Resource) (Traits, error)
}

// Traits are what a profile knows of one resource.
type Traits struct {
	Gone   []Look // each is Absent where the node does not hold it; without any it cannot be proven
	Needs  []Look // each is Present where the node has what the resource needs to start
	Fits   []Fit  // how a new system has to go with the data that the resource has
	Serves string // what its users call it, such as "10.0.0.10"; empty where no user sees it
}

// Fit is what has to be the same on a new system as in the data of a resource, such as the major version of a database.
type Fit struct {
	Text  string   // what has to be so, for the reader: "PostgreSQL is of the major version of the data in /srv/db/data"
	Data  []string // the command that says what the data is, run where the resource runs
	Has   []string // the command that says what the new system has
	Check func(data, has string) error
}

// Found is what a look found. The zero value is none: a look that does not say is an error.
type Found uint8

// What a look can find.
const (
	Absent  Found = iota + 1 // it is not there, provably
	Present                  // it is there
	Perhaps                  // it may be there, or something is at work on it: not gone, and not seen to be there either
)

// Look is a command that reads, and what its answer means. It is run as it stands, by the login's own right.
type Look struct {
	Argv []string
	Text string // what it looks for, for the reader: "/srv/nfs is mounted"
	// Mute says that the exit status is the answer, and that the command may print nothing. Otherwise an empty output is an
	// error: no agent's tool that is asked what there is has nothing to say at all.
	Mute bool
	// Read says what the answer means, and in words what was seen. An answer that it does not know is an error.
	Read func(res sshexec.Result) (Found, string, error)
}

// ErrNotProven says that a look has no answer that proves anything.
var ErrNotProven = errors.New("it proves nothing")

// Judge is what an answer means, after what no look may take for an answer: a command that did not come to its end, an
// output that is cut off, and one that is empty.
func (l Look) Judge(res sshexec.Result) (Found, string, error) {
	command := strings.Join(l.Argv, " ")
	switch {
	case res.Outcome != sshexec.Exited:
		return 0, "", fmt.Errorf("%s did not come to its end (%s): %w", command, res.Outcome, ErrNotProven)
	case res.Truncated:
		return 0, "", fmt.Errorf("the output of %s is cut off: %w", command, ErrNotProven)
	case !l.Mute && len(res.Stdout) == 0 && (res.ExitCode == 0 || len(res.Stderr) == 0): // a warning is no answer
		return 0, "", fmt.Errorf("%s printed nothing (exit status %d): %w", command, res.ExitCode, ErrNotProven)
	case !l.Mute && len(res.Stdout) > 0 && !strings.HasSuffix(string(res.Stdout), "\n"):
		return 0, "", fmt.Errorf("the output of %s ends within a line: %w", command, ErrNotProven)
	}
	found, seen, err := l.Read(res)
	if err == nil && (found < Absent || found > Perhaps) {
		err = fmt.Errorf("%w: whether %s", ErrNotProven, l.Text)
	}
	if err != nil {
		return 0, "", fmt.Errorf("%s: %w", command, err)
	}
	return found, seen, nil
}

// unknown is the error of an answer that is of no known form.
func unknown(res sshexec.Result) error {
	return fmt.Errorf("exit status %d, %q %q is no answer that is known: %w", res.ExitCode, clip(res.Stdout), clip(res.Stderr), ErrNotProven)
}

// clip is as much of an output as an error should show.
func clip(out []byte) string {
	const most = 200
	text := strings.TrimSpace(string(out))
	return text[:min(len(text), most)]
}

// Profiles are profiles in the order in which they are asked: the first that knows an agent counts.
type Profiles []Profile

// With puts profiles in front: they count before those that are there, also for an agent that these know.
func (ps Profiles) With(own ...Profile) Profiles { return append(slices.Clone(own), ps...) }

// For is the profile of an agent, such as ocf:heartbeat:Filesystem.
func (ps Profiles) For(agent string) (Profile, bool) {
	for _, p := range ps {
		for _, a := range p.Agents {
			if a == agent || strings.HasSuffix(a, ":") && strings.HasPrefix(agent, a) {
				return p, true
			}
		}
	}
	return Profile{}, false
}

// Check refuses profiles by which nothing could be told.
func (ps Profiles) Check() error {
	var errs []error
	for i, p := range ps {
		name := p.Name
		if name == "" {
			name = fmt.Sprintf("number %d", i+1)
			errs = append(errs, fmt.Errorf("profile %s has no name", name))
		}
		if len(p.Agents) == 0 {
			errs = append(errs, fmt.Errorf("profile %s is for no agent", name))
		}
		for _, a := range p.Agents {
			if !strings.Contains(a, ":") {
				errs = append(errs, fmt.Errorf("profile %s: %q is no agent: it is written like ocf:heartbeat:Filesystem, or systemd: for all "+
					"of a class",
					name, a))
			}
		}
		if p.Of == nil {
			errs = append(errs, fmt.Errorf("profile %s does not say how a resource is read", name))
		}
	}
	return errors.Join(errs...)
}

// steady wants the instance attributes to be the same whatever the time and the node.
func steady(r pacemaker.Resource) error {
	for _, set := range r.Instance {
		if set.Rule != "" {
			return fmt.Errorf("its parameters depend on a rule (%s)", set.ID)
		}
	}
	return nil
}

// parameter is an instance attribute that must be there.
func parameter(r pacemaker.Resource, name string) (string, error) {
	v, ok := r.Instance.Get(name)
	if !ok || v == "" {
		return "", fmt.Errorf("it has no parameter %s", name)
	}
	return v, nil
}

// optional is an instance attribute, or another value where there is none.
func optional(r pacemaker.Resource, name, otherwise string) string {
	if v, ok := r.Instance.Get(name); ok && v != "" {
		return v
	}
	return otherwise
}

// absolute is a path that a command can be asked about.
func absolute(path string) error {
	if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "\n\x00") {
		return fmt.Errorf("%q is no absolute path", path)
	}
	return nil
}
