package upgrade

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// departure is the proof that targets are gone from a node. The mount table and the imported pools show what is
// mounted; the kernel takes a mount out of the table when the unmounting begins, and goes on writing. Whether it has
// ended is in the cluster's record of the last stop, as long as that is there: a restart of the cluster or a cleanup
// puts a probe or nothing in its place (H27). So the node's processes and Lustre's devices are asked in every case. The
// record can say no; a stop that it has seen succeed only tells that a process which names no target is not at work on
// this one.
type departure struct {
	*Pair
	host string // that is asked, by its full name
	node string // what its cluster calls it
	in   cluster
}

// holding says of targets why they are not proven to be gone. One that is not in it is gone.
type holding map[string]string

func (h holding) add(t Target, why string, args ...any) {
	if h[t.Resource] == "" {
		h[t.Resource] = fmt.Sprintf(why, args...)
	}
}

func (h holding) String() string {
	var out []string
	for id, why := range h {
		out = append(out, id+" ("+why+")")
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// gone are the targets that a node does not hold. A group starts as a whole: one of it that is held holds the others.
func (d departure) gone(holds holding) []Target {
	var out []Target
	for _, u := range d.units(d.Targets) {
		if !slices.ContainsFunc(u.targets, func(t Target) bool { return holds[t.Resource] != "" }) {
			out = append(out, u.targets...)
		}
	}
	return out
}

// mounted are the targets that the node has mounted, or whose pool it has imported.
func (d departure) mounted(ctx context.Context, at evenkeel.Site) (holding, error) {
	res, err := at.Run(ctx, d.host, brief("cat", "/proc/mounts"))
	if err != nil {
		return nil, err
	}
	mounted, err := mountedTargets(res.Stdout)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.host, err)
	}
	pools, err := d.pools(ctx, at)
	if err != nil {
		return nil, err
	}
	holds := holding{}
	for _, t := range d.Targets {
		switch {
		case slices.Contains(mounted, t.Mount):
			holds.add(t, "mounted on %s", t.Mount)
		case t.Pool != "" && slices.Contains(pools, t.Pool):
			holds.add(t, "its pool %s is imported", t.Pool)
		}
	}
	for _, m := range mounted {
		if !slices.ContainsFunc(d.Targets, func(t Target) bool { return t.Mount == m }) {
			return nil, evenkeel.NeedsOperator("%s has mounted %s, which is no target of the plan: unmount it, and resume", d.host, m)
		}
	}
	return holds, nil
}

// pools are the pools that the node has imported, where a target has one.
func (d departure) pools(ctx context.Context, at evenkeel.Site) ([]string, error) {
	if !slices.ContainsFunc(d.Targets, func(t Target) bool { return t.Pool != "" }) {
		return nil, nil
	}
	res, err := at.Run(ctx, d.host, brief("zpool", "list", "-o", "name"))
	if err != nil && res.Outcome != evenkeel.Exited {
		return nil, err
	}
	return poolsIn(d.host, res)
}

// poolsIn reads what `zpool list -o name` printed: a heading and a pool a line, or that there is none.
func poolsIn(host string, res sshexec.Result) ([]string, error) {
	pools, err := pair.ReadPools(res)
	if err != nil {
		return nil, fmt.Errorf("zpool list on %s does not say which pools are imported: %w", host, err)
	}
	return pools, nil
}

// recorded adds the targets that the cluster's record says are not gone, and returns those of which the last that it says is a stop
// that succeeded. cib is nil where the whole cluster of the node has stopped: then there is no record.
func (d departure) recorded(cib *pacemaker.CIB, holds holding) (stopped map[string]bool) {
	stopped = map[string]bool{}
	if cib == nil {
		return stopped
	}
	for _, t := range d.Targets {
		stopped[t.Resource] = d.lastOf(cib, t, t.Resource, "unmounted there (umount "+t.Mount+")", holds)
		if t.Imports != "" {
			exported := d.lastOf(cib, t, t.Imports, "exported there (zpool export "+t.Pool+")", holds)
			stopped[t.Resource] = stopped[t.Resource] && exported
		}
	}
	return stopped
}

// atWork adds the targets that a process or a device of Lustre says are not gone.
func (d departure) atWork(ctx context.Context, at evenkeel.Site, stopped map[string]bool, holds holding) error {
	for _, look := range []func(context.Context, evenkeel.Site) ([]claim, error){d.processes, d.devices} {
		claims, err := look(ctx, at)
		if err != nil {
			return err
		}
		for _, c := range claims {
			for _, t := range d.Targets {
				if c.named[t.Resource] || len(c.named) == 0 && !stopped[t.Resource] {
					holds.add(t, "%s", c.why)
				}
			}
		}
	}
	return nil
}

// lastOf adds a target that the record of a resource, its own or that of its pool, says is not gone. It tells whether
// the last that was recorded is a stop that succeeded. done is what has to be so before a failure may be forgotten.
func (d departure) lastOf(cib *pacemaker.CIB, t Target, resource, done string, holds holding) (stopped bool) {
	of := ""
	if resource != t.Resource {
		of = " of " + resource
	}
	switch last, is := cib.LastOperation(d.node, resource); is {
	case pacemaker.RecordStopped:
		return true
	case pacemaker.RecordNone, pacemaker.RecordNotFound: // proves nothing, either way
	case pacemaker.RecordUnderWay:
		holds.add(t, "its %s%s is under way", last.Task, of)
	case pacemaker.RecordRunning:
		holds.add(t, "the last that the cluster recorded%s is a %s that succeeded", of, last.Task)
	case pacemaker.RecordFailed, pacemaker.RecordOther:
		holds.add(t, "the last that the cluster recorded%s is a %s with exit status %d, status %d: see on %s why; when it is "+
			"%s, forget the record by crm_resource --cleanup -r %s, and resume",
			of, last.Task, last.ExitCode, last.Status, d.host, done, resource)
	}
	return false
}

// claim is something on a node that may have to do with targets: with those that it names, or, where it names none,
// with any that the cluster did not see stopped.
type claim struct {
	named map[string]bool
	why   string
}

// see is the proof as an action of its own: it waits until every target is gone, in a cluster that keeps each disabled.
func (d departure) see(id string) evenkeel.Action {
	return evenkeel.Action{
		ID: id, Paper: []evenkeel.Block{d.roleBlock(), d.goneBlock()},
		Change: evenkeel.Change{
			Title: "Wait until " + d.host + " has released every target, provably", Host: d.host, Limit: d.Config.Outage,
			Op: &evenkeel.Op{
				Effect: evenkeel.ReadOnly,
				Text: "On " + d.host + ": no Lustre target is in /proc/mounts (and no pool of one is imported: zpool list). " +
					"`cibadmin --query` says target-role=Stopped for every target, " +
					"and no operation of one is under way or failed in its status. " + processText,
				Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
					return sshexec.Result{}, d.look(ctx, at)
				},
			},
		},
	}
}

// look looks for the whole proof, once.
func (d departure) look(ctx context.Context, at evenkeel.Site) error {
	cib, err := d.cib(ctx, at)
	if err != nil {
		return err
	}
	if err := d.disabled(cib); err != nil {
		return err
	}
	holds := holding{}
	// The mounts first, and again last: an umount that begins in between is in one of them, or in the process table.
	seeMounts := func() error {
		mounted, err := d.mounted(ctx, at)
		maps.Copy(holds, mounted)
		return err
	}
	if err := seeMounts(); err != nil {
		return err
	}
	if err := d.atWork(ctx, at, d.recorded(cib, holds), holds); err != nil {
		return err
	}
	if err := seeMounts(); err != nil {
		return err
	}
	if len(holds) > 0 {
		return evenkeel.NotYet(time.Second, "%s still holds %s", d.host, holds)
	}
	return nil
}

// cib is what the cluster says of itself; one that is starting is waited for.
func (d departure) cib(ctx context.Context, at evenkeel.Site) (cib *pacemaker.CIB, err error) {
	e := d.in.InCIB("", func(c *pacemaker.CIB) error { cib = c; return nil })
	res, err := at.Run(ctx, e.Host, brief(e.Cmd.Argv...))
	if err != nil && res.Outcome != evenkeel.Exited {
		return nil, err
	}
	if err := e.Read(res); err != nil {
		if errors.Is(err, pacemaker.ErrClusterDown) {
			return nil, evenkeel.NotYet(time.Second, "the cluster on %s does not answer (%v): start it, every target stays disabled", d.host, err)
		}
		return nil, change.Later(err)
	}
	return cib, nil
}

// processText says in words what [departure.processes] and [departure.devices] ask.
const processText = "`ps -e -o stat= -o args=` shows no mount, umount, mount.lustre, zpool import or export, or resource agent " +
	"(Target, Lustre or ZFS with start or stop) at work on a target (the mount table forgets a mount when the unmounting " +
	"begins); `lctl dl` lists no device of one."

// processes are those that are mounting or unmounting something.
func (d departure) processes(ctx context.Context, at evenkeel.Site) ([]claim, error) {
	res, err := at.Run(ctx, d.host, brief(pair.ProcessTable()...))
	if err != nil {
		return nil, err
	}
	list, err := pair.ReadProcesses(res)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.host, err)
	}
	var claims []claim
	for _, args := range list {
		words := strings.Fields(args)
		if !mounts(words) {
			continue
		}
		if named, any := d.meant(words, args); any {
			// what follows the program may hold a password
			claims = append(claims, claim{named, fmt.Sprintf("%q is at work on %s (ps -ef there shows on what)", words[0], d.host)})
		}
	}
	return claims, nil
}

// unloaded wants modules of the kernel not to be loaded on a host, where the tool that tells of what they hold did not answer.
func unloaded(ctx context.Context, at evenkeel.Site, host, tool string, modules ...string) error {
	res, err := at.Run(ctx, host, brief("cat", "/proc/modules"))
	if err != nil {
		return err
	}
	if !bytes.HasSuffix(res.Stdout, []byte("\n")) {
		return fmt.Errorf("/proc/modules on %s is not read whole", host)
	}
	for _, line := range lines(string(res.Stdout)) {
		if name, _, _ := strings.Cut(line, " "); slices.Contains(modules, name) {
			return fmt.Errorf("%s is loaded on %s, and what it holds cannot be seen: make that %s is in the PATH of the login, and answers",
				name, host, tool)
		}
	}
	return nil
}

// devices are those of Lustre that belong to a target: they stay until the last bit is written, be it that no process
// waits for it (umount -l). Where lctl does not answer, that is right only without Lustre's modules: then there is no
// device.
func (d departure) devices(ctx context.Context, at evenkeel.Site) ([]claim, error) {
	res, err := at.Run(ctx, d.host, brief("lctl", "dl"))
	switch {
	case err != nil && res.Outcome != evenkeel.Exited:
		return nil, err
	case res.ExitCode != 0: // such as 127: there is no lctl in the PATH of the login
		if err := unloaded(ctx, at, d.host, "lctl", "lustre", "obdclass"); err != nil {
			return nil, fmt.Errorf("lctl dl on %s: exit status %d: %s: %w", d.host, res.ExitCode, strings.TrimSpace(string(res.Stderr)), err)
		}
		return nil, nil
	}
	var claims []claim
	for _, line := range lines(string(res.Stdout)) { // such as "0 UP osd-ldiskfs MGS-osd MGS-osd_UUID 5"
		f := strings.Fields(line)
		if len(f) != 6 {
			return nil, fmt.Errorf("lctl dl on %s: a line of six words was expected, not %q", d.host, line)
		}
		label, isTarget := strings.CutSuffix(f[3], "-osd")
		if !isTarget && !strings.HasPrefix(f[2], "osd-") {
			continue // what a target is made of goes before its storage does
		}
		c := claim{named: map[string]bool{}, why: fmt.Sprintf("lctl dl lists %s as %s on %s", f[3], f[1], d.host)}
		for _, t := range d.Targets {
			if t.Label == label {
				c.named[t.Resource] = true
			}
		}
		claims = append(claims, c)
	}
	return claims, nil
}
