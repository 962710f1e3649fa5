package issm

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// migrated is the check of every migrate.sh: SUCCESS and END in the log (cps:433-434), no error in it, and exit status 0; none of them
// alone is trusted.
func migrated(o evenkeel.Observed) error {
	const notFound = 127 // by POSIX
	if o.Outcome == sshexec.Exited && o.ExitCode == notFound {
		// No Pause: a job that has ended is not asked again, and the probe sees that it did nothing.
		return fmt.Errorf("there is no %s on %s: no image is mounted there, as after a restart; mount the image that was mounted "+
			"(mount -o loop IMAGE %s), then resume", migrateScript, o.Host, isoMount)
	}
	log, err := readMigrateLog(o.Result)
	if err != nil {
		return errors.Join(o.Succeeded(), err)
	}
	return errors.Join(o.Succeeded(), steps.FailOn(log.Findings()))
}

// readMigrateLog reads the log from the standard output, or from the standard error where that has it.
func readMigrateLog(res sshexec.Result) (*cps.MigrateLog, error) {
	log, err := cps.ParseMigrateLog(steps.Output("migrate.sh", res))
	if err == nil && log.Ended() {
		return log, nil
	}
	if other, oerr := cps.ParseMigrateLog(srcerr.Named("migrate.sh", bytes.NewReader(res.Stderr))); oerr == nil && other.Ended() {
		return other, nil
	}
	return log, err
}

// onTable is a check of the replica table.
func (m *members) onTable(check func(*cps.ReplicaTable) error) steps.Checker {
	return evenkeel.Succeeding(func(o evenkeel.Observed) error {
		t, err := m.parseTable(o.Result)
		if err != nil {
			return err
		}
		return check(t)
	})
}

// onAbout is a check of about.sh.
func onAbout(check func(*cps.About) error) steps.Checker {
	return evenkeel.Succeeding(func(o evenkeel.Observed) error {
		a, err := cps.ParseAbout(steps.Output("about.sh", o.Result))
		if err != nil {
			return err
		}
		return check(a)
	})
}

// system is a check of /etc/redhat-release.
func system(version string) steps.Checker {
	return evenkeel.Succeeding(func(o evenkeel.Observed) error {
		r, err := cps.ParseOSRelease(steps.Output("/etc/redhat-release", o.Result))
		if err != nil {
			return err
		}
		if !r.IsCentOS(version) {
			return fmt.Errorf("%s runs %s %s, not CentOS %s", o.Host, r.Name, r.Version, strings.TrimSuffix(version, "."))
		}
		return nil
	})
}

// isSystem is a probe for a machine's new system: done when it runs it, not begun when it runs the other one. Any other
// answer says nothing.
func isSystem(version, before string) func(evenkeel.Observed) (evenkeel.ProbeResult, error) {
	return func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
		if err := o.Succeeded(); err != nil {
			return evenkeel.Inconclusive, err
		}
		r, err := cps.ParseOSRelease(steps.Output("/etc/redhat-release", o.Result))
		if err == nil && !r.IsCentOS(version) && !r.IsCentOS(before) {
			err = fmt.Errorf("%s runs %s %s, neither CentOS %s nor %s", o.Host, r.Name, r.Version, version, before)
		}
		if err != nil {
			return evenkeel.Inconclusive, err
		}
		return steps.DoneIf(r.IsCentOS(version)), nil
	}
}

var readSystem = sshexec.Command(sshexec.ReadOnly, "cat", "/etc/redhat-release")

// sameFile is a check of sha256sum: the file is the one that the plan was made from.
func sameFile(input evenkeel.Input) steps.Checker {
	return evenkeel.Succeeding(func(o evenkeel.Observed) error {
		sum, err := steps.Digest(o.Result)
		if err != nil {
			return err
		}
		if sum != input.SHA256 {
			return fmt.Errorf("%s has another content (sha256 %s) than the file that this plan was made from (%s): plan again "+
				"from the file of the cluster", input.Name, sum, input.SHA256)
		}
		return nil
	})
}

// quietGuard must hold before anything that must not run twice at the same time.
func (m *Migration) quietGuard(programs ...string) evenkeel.Action {
	return quietOn(m.cfg.ClusterManager, programs...)
}

func quietOn(host string, programs ...string) evenkeel.Action {
	return evenkeel.Action{
		ID: "quiet", Precondition: true,
		Paper: steps.Prints(steps.ListProcesses, "| running "+shellescape.QuoteCommand(programs), "none of them runs"),
		Change: evenkeel.Change{
			Title: "Verify that nothing of an earlier attempt is still running", Host: host, Limit: 12 * time.Hour,
			Note:   "A command whose connection was lost may run on. It is waited for, and looked at when it has ended.",
			Cmd:    steps.ListProcesses,
			Expect: evenkeel.Expect{Text: "the whole list, and not in it: " + strings.Join(programs, ", "), Check: steps.Quiet(programs...)},
		},
	}
}

// serving finds what keeps a half from carrying every replica set alone.
func (m *members) serving(n int) func(*cps.ReplicaTable) error { return m.carries(n, 0) }

// servingAlone is the same once the other half is away: a majority that was signed for is not asked for.
func (m *members) servingAlone(n int) func(*cps.ReplicaTable) error { return m.carries(n, 3-n) }

func (m *members) carries(n, away int) func(*cps.ReplicaTable) error {
	return func(t *cps.ReplicaTable) error {
		if why := m.withoutMajority(t, away); why != "" {
			return errors.New(why)
		}
		if why := m.notCarrying(t, n); why != "" {
			return errors.New(why)
		}
		return nil
	}
}

// signedFor tells a replica set that is without a majority while a half is away: there is no plan unless
// accept_no_majority has it.
func (m *members) signedFor(rs cps.ReplicaSet, away int) bool {
	return rs.LosesMajority(rs.Hosting(m.gone[away]))
}

// everywhere is what carries asks of the replica sets, for the reader.
func (m *members) everywhere(away int) string {
	text := "a primary and a majority everywhere"
	var signed []string
	for _, rs := range m.mongo.Sets {
		if m.signedFor(rs, away) {
			signed = append(signed, rs.Title())
		}
	}
	if len(signed) > 0 {
		text += " but in " + strings.Join(signed, ", ") + " (accept_no_majority)"
	}
	return text
}

// removed finds the data members of a half that are still in a replica set. Its arbiters may stay there, and are down.
func (m *members) removed(t *cps.ReplicaTable, n int) error {
	var errs []error
	for _, alias := range m.sets[n] {
		for _, p := range t.On(alias) {
			rs, _ := m.mongo.ByName(p.Set.Name)
			arbiter := func(a cps.MongoMember) bool { return a.Host == alias && a.Port == p.Member.Port }
			if !slices.ContainsFunc(rs.Arbiters, arbiter) {
				errs = append(errs, fmt.Errorf("%s is still a member of %s", alias, p.Set.Title()))
			}
		}
	}
	return errors.Join(errs...)
}

// complete finds what is missing from the full strength of every replica set: the members of the given halves are there
// and at work, arbiters and members of the other site too, and nobody is RECOVERING (cps:1014,1356).
func (m *members) complete(halves ...int) func(*cps.ReplicaTable) error {
	return func(t *cps.ReplicaTable) error {
		var errs []error
		if why := m.withoutMajority(t, 0); why != "" {
			errs = append(errs, errors.New(why))
		}
		for _, rs := range m.mongo.Sets {
			set, _ := t.Set(rs.Title())
			wanted, _ := m.elsewhere(rs)
			for _, n := range halves {
				wanted = append(wanted, m.dataMembers(rs, n)...)
			}
			for _, planned := range wanted {
				member, ok := set.At(planned)
				switch {
				case !ok:
					errs = append(errs, fmt.Errorf("%s is not a member of %s", planned.Address(), set.Title()))
				case steps.UnknownCache(set.Type, member):
					errs = append(errs, errors.New(steps.UnknownCacheAdvice(set.Title(), member)))
				case member.State == cps.StateRecovering:
					errs = append(errs, fmt.Errorf("%s is RECOVERING in %s: if it does not catch up, see cps:1382-1421", planned.Host, set.Title()))
				case !member.HoldsData():
					errs = append(errs, fmt.Errorf("%s is %s (%s) in %s", planned.Host, member.State, member.Health, set.Title()))
				}
			}
			for _, arbiter := range rs.Arbiters {
				if member, ok := set.At(arbiter); !ok {
					errs = append(errs, fmt.Errorf("arbiter %s is not a member of %s", arbiter.Address(), set.Title()))
				} else if member.State != cps.StateArbiter || member.Health != cps.OnLine {
					errs = append(errs, fmt.Errorf("arbiter %s is %s (%s) in %s", arbiter.Host, member.State, member.Health, set.Title()))
				}
			}
			for _, member := range set.Members {
				if !rs.Has(member) {
					errs = append(errs, fmt.Errorf("%s:%d is a member of %s, and mongoConfig.cfg does not know it", member.Host, member.Port, set.Title()))
				}
			}
		}
		return errors.Join(errs...)
	}
}

// dataMembers are the data members that a replica set has in a half.
func (m *members) dataMembers(rs cps.ReplicaSet, n int) []cps.MongoMember {
	return slices.DeleteFunc(slices.Clone(rs.Members), func(member cps.MongoMember) bool { return !m.in[n][member.Host] })
}

// joined tells from the table whether a half's members are in their replica sets: all of them, none, or some. A half
// that has none cannot be told by them.
func (m *members) joined(t *cps.ReplicaTable, n int) (all, none bool) {
	planned, there := 0, 0
	for _, rs := range m.mongo.Sets {
		set, _ := t.Set(rs.Title())
		for _, member := range m.dataMembers(rs, n) {
			planned++
			if _, ok := set.Member(member.Host); ok {
				there++
			}
		}
	}
	return planned > 0 && there == planned, planned > 0 && there == 0
}

// leftProbe tells whether a half has left the replica sets: what "disable set" and "rollback" end with.
func (m *members) leftProbe(n int) *evenkeel.Probe {
	return &evenkeel.Probe{
		Host: m.manager, Cmd: m.replicaStatus(), Settle: time.Minute,
		Paper: m.noneOf(n),
		Text:  fmt.Sprintf("done when no session manager of set %d is in any replica set, not begun when all are", n),
		Read: m.tableProbe(func(t *cps.ReplicaTable) evenkeel.ProbeResult {
			switch all, none := m.joined(t, n); {
			case none && m.servingAlone(3-n)(t) == nil:
				return evenkeel.Done
			case all:
				return evenkeel.NotRun
			}
			return evenkeel.Partial
		}),
	}
}

// joinedProbe tells whether "enable set" has begun to bring a half back. That it came to its end no table tells: its
// last deeds leave no trace there. So it is never found done, and is run again, which the guide itself does (cps:1989).
func (m *members) joinedProbe(n int) *evenkeel.Probe {
	return &evenkeel.Probe{
		Host: m.manager, Cmd: m.replicaStatus(),
		Text: fmt.Sprintf("not begun when no session manager of set %d is in a replica set; else it is run again, as the "+
			"guide does (cps:1989): only its log tells that it ended", n),
		Read: m.tableProbe(func(t *cps.ReplicaTable) evenkeel.ProbeResult {
			if _, none := m.joined(t, n); none {
				return evenkeel.NotRun
			}
			return evenkeel.Partial
		}),
	}
}

func (m *members) tableProbe(read func(*cps.ReplicaTable) evenkeel.ProbeResult) func(evenkeel.Observed) (evenkeel.ProbeResult, error) {
	return func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
		if err := o.Succeeded(); err != nil {
			return evenkeel.Inconclusive, err
		}
		t, err := m.parseTable(o.Result)
		if err != nil {
			return evenkeel.Inconclusive, err
		}
		return read(t), nil
	}
}

// trafficProbe tells from HAProxy whether a half takes no traffic any more, or takes it again.
func (m *balancers) trafficProbe(text string, done func(first, second steps.Endpoints) bool) *evenkeel.Probe {
	return &evenkeel.Probe{
		Host: m.manager, Cmd: m.haproxyStatus(), Text: text,
		Settle: 2 * time.Minute, // services are marked up within a minute (cps:1728)
		Read: func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
			r, err := m.haproxy(o)
			if err != nil {
				return evenkeel.Inconclusive, err
			}
			return steps.DoneIf(done(m.endpoints(r, 1), m.endpoints(r, 2))), nil
		},
	}
}

// mountedProbe tells whether an image is mounted.
func mountedProbe(done bool) *evenkeel.Probe {
	text := "nothing on " + isoMount
	if done {
		text = "an image on " + isoMount
	}
	return &evenkeel.Probe{
		Cmd: sshexec.Command(sshexec.ReadOnly, "cat", "/proc/mounts"), Text: text,
		Paper: []evenkeel.Block{{Script: mountState, Shows: []string{map[bool]string{true: "mounted", false: "not mounted"}[done]}}},
		Read: func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
			if err := o.Succeeded(); err != nil {
				return evenkeel.Inconclusive, err
			}
			kind, err := steps.MountedOn(o.Result, isoMount)
			if err == nil && kind != "" && kind != "iso9660" && kind != "udf" {
				err = fmt.Errorf("%s is mounted on %s, and not an image", kind, isoMount)
			}
			if err != nil {
				return evenkeel.Inconclusive, err
			}
			return steps.DoneIf((kind != "") == done), nil
		},
	}
}

// umount and mount are ProbeFirst: the first fails where nothing is mounted, the second where something is.
func umount() []evenkeel.Action {
	a := evenkeel.Action{
		ID: "umount", Paper: ifMounted("mounted", steps.Brief(sshexec.Command(sshexec.Mutating, "umount", isoMount))),
		Change: evenkeel.Change{
			Title: "Unmount the image", Ref: "cps:412", Cmd: steps.Brief(sshexec.Command(sshexec.Mutating, "umount", isoMount)),
			Repeat: evenkeel.ProbeFirst, Probe: mountedProbe(false),
		},
	}
	return []evenkeel.Action{a, steps.Proof(a, "umounted", "Verify that nothing is mounted on "+isoMount)}
}

func mount(iso string) []evenkeel.Action {
	a := evenkeel.Action{
		ID: "mount", Paper: ifMounted("not mounted", steps.Brief(sshexec.Command(sshexec.Mutating, "mount", "-o", "loop", iso, isoMount))),
		Change: evenkeel.Change{
			Title: "Mount the image", Ref: "cps:418", Cmd: steps.Brief(sshexec.Command(sshexec.Mutating, "mount", "-o", "loop", iso, isoMount)),
			Repeat: evenkeel.ProbeFirst, Probe: mountedProbe(true),
		},
	}
	return []evenkeel.Action{a, steps.Proof(a, "mounted", "Verify that the image is mounted")}
}
