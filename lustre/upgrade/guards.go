package upgrade

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/steps"
	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// What must hold while node 1 is rebuilt: the old cluster, alive on node 2, must neither shoot it nor give it a target (H1).

// spareNode1 are the preconditions of every disruptive step on node 1.
func (p *Pair) spareNode1() []evenkeel.Action {
	return []evenkeel.Action{p.held(), p.calm().AsPrecondition()}
}

// spareOnline are those preconditions where the old cluster lives: offline, it has stopped on both nodes.
func (p *Pair) spareOnline() []evenkeel.Action {
	if p.Config.Offline {
		return nil
	}
	return p.spareNode1()
}

// held wants the old cluster to hold its fire.
func (p *Pair) held() evenkeel.Action {
	return showsSettings(p.oldCluster(p.Config.Node2.Name).
		seeCIB("held", "Verify that the old cluster fences nobody, and gives node 1 nothing", "stonith-enabled=false, node 1 in standby",
			p.fencingHeld),
		"property stonith-enabled=false", "node "+p.old(p.Config.Node1.Name)+" standby=on").AsPrecondition()
}

func (p *Pair) fencingHeld(cib *pacemaker.CIB) error {
	if v, _ := cib.Property("stonith-enabled"); v != "false" {
		return fmt.Errorf("stonith-enabled is %q in the old cluster: it could fence node 1 while that is rebuilt", v)
	}
	return inStandby(p.old(p.Config.Node1.Name))(cib)
}

// oldFencing is the value of stonith-enabled that the old cluster had; Pacemaker's default is true.
func (p *Pair) oldFencing() string {
	if v, ok := p.CIB.Property("stonith-enabled"); ok {
		return v
	}
	return "true"
}

// seenFile is where the operator says that a restart of node 2, or a fencing, was looked into.
const seenFile = "/root/evenkeel-seen"

// history asks a cluster whom it has fenced since its daemons started.
func history(node string) sshexec.Cmd {
	return sshexec.Command(sshexec.ReadOnly, "stonith_admin", "--history", node)
}

// fencedScript prints the history of node 1 for the operator: never nothing, so that a variable holds it.
func (p *Pair) fencedScript() string {
	node := p.old(p.Config.Node1.Name)
	return "echo history of " + node + " && " + shellescape.QuoteCommand(history(node).Argv)
}

// fencedAgain prints the same: nothing more of a cluster that has stopped, which fences nobody, and NOT known where it failed.
func (p *Pair) fencedAgain() string {
	node := p.old(p.Config.Node1.Name)
	return "echo history of " + node + " && answer counted " + p.node(0).fenced.Ref() + " " + shellescape.QuoteCommand(history(node).Argv)
}

// countLine ends a history of Pacemaker 2, also one of nothing; 1.1 prints none.
var countLine = regexp.MustCompile(`(?m)^\s*\d+ events? found\s*$`)

// calm wants node 2 not to have restarted, and its cluster not to have fenced node 1, since the run began. Neither can
// be undone by looking again, so the operator can say that it was looked into, in seenFile.
func (p *Pair) calm() evenkeel.Action {
	n1, n2 := p.node(0), p.node(1)
	return evenkeel.Action{
		ID: "calm", Paper: []evenkeel.Block{
			{Script: "{ echo " + n2.bootSeen.Ref() + "; cat " + seenFile +
				" 2>/dev/null; } | grep -qxF \"$(cat /proc/sys/kernel/random/boot_id)\" && echo not restarted", Shows: []string{"not restarted"}},
			{Script: "{ " + p.fencedAgain() + "; } | grep -vxF -e " + n1.fenced.Ref() + " -e \"$(cat " + seenFile +
				" 2>/dev/null || echo nothing)\" || echo not fenced", Shows: []string{"not fenced"}},
		},
		Change: evenkeel.Change{
			Title: "Verify that node 2 has not restarted, and node 1 was not fenced, since the run began (H1)", Host: n2.Name,
			Op: &evenkeel.Op{
				Effect: evenkeel.ReadOnly,
				Text: "On " + n2.Name + ", compare `cat /proc/sys/kernel/random/boot_id` and `stonith_admin --history " +
					p.old(n1.Name) + "` with what they were in the first step. " +
					"If something is new: stop, find out why, see that every target is mounted on one node only; then append the new output to " +
					seenFile + " there, and resume.",
				Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
					return sshexec.Result{}, p.disturbed(ctx, at)
				},
			},
		},
	}
}

// disturbed is a pause when node 2 has restarted or has fenced node 1.
func (p *Pair) disturbed(ctx context.Context, at evenkeel.Site) error {
	n1, n2 := p.node(0), p.node(1)
	boot, err1 := n2.bootSeen.Get(at.Facts)
	fenced, err2 := n1.fenced.Get(at.Facts)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	seen, err := p.seen(ctx, at)
	if err != nil {
		return err
	}
	known := append(lines(fenced), seen...)
	news := func(cmd sshexec.Cmd, known ...string) (string, error) {
		res, err := at.Run(ctx, n2.Name, cmd)
		if res.Outcome == evenkeel.Exited &&
			errors.Is(pcs.Operation{Argv: cmd.Argv}.Meaning().Judge(res.ExitCode, string(res.Stderr)), pacemaker.ErrClusterDown) {
			return "", nil // it has stopped, and fences nobody
		}
		if err != nil {
			return "", err
		}
		if countLine.MatchString(fenced) && !countLine.Match(res.Stdout) { // silence is no answer where it had a word for "none"
			return "", fmt.Errorf("%s: %s did not say how many events it found, as it did in the first step: whether %s was fenced is not known",
				n2.Name, cmd, n1.Name)
		}
		for _, line := range lines(string(res.Stdout)) {
			if !slices.Contains(known, line) {
				return line, nil
			}
		}
		return "", nil
	}
	res, err := at.Run(ctx, n2.Name, sshexec.Command(sshexec.ReadOnly, steps.BootIDCommand()...))
	if err != nil {
		return err
	}
	now, err := steps.BootID(evenkeel.Observed{Result: res})
	if err != nil {
		return fmt.Errorf("%s: %w", n2.Name, err)
	}
	if now != boot && !slices.Contains(seen, now) {
		return evenkeel.NeedsOperator("%s has restarted since the run began. Find out why, and see that every target is "+
			"mounted there; then say so by `cat /proc/sys/kernel/random/boot_id >> %s` on %s, and resume", n2.Name, seenFile, n2.Name)
	}
	line, err := news(history(p.old(n1.Name)), known...)
	if err != nil {
		return err
	}
	if line != "" {
		return evenkeel.NeedsOperator("%s was fenced: %s. Find out why, and whether its new system is whole; then say so by "+
			"`stonith_admin --history %s >> %s` on %s, and resume", n1.Name, line, p.old(n1.Name), seenFile, n2.Name)
	}
	return nil
}

// seen is what the operator has looked into.
func (p *Pair) seen(ctx context.Context, at evenkeel.Site) ([]string, error) {
	res, err := at.Run(ctx, p.Config.Node2.Name, sshexec.Command(sshexec.ReadOnly, "cat", seenFile))
	if err != nil && res.Outcome != evenkeel.Exited {
		return nil, err
	}
	return lines(string(res.Stdout)), nil // no such file: nothing to say
}

func lines(text string) []string {
	var out []string
	for _, l := range strings.Split(text, "\n") {
		if l = strings.TrimSpace(l); l != "" {
			out = append(out, l)
		}
	}
	return out
}

// listed wants every one of the paths in an output of ls.
func listed(paths []string) func(evenkeel.Observed) error {
	return func(o evenkeel.Observed) error {
		have := lines(string(o.Stdout))
		for _, path := range paths {
			if !slices.Contains(have, path) {
				return fmt.Errorf("%s is not there: no target would start", path)
			}
		}
		return nil
	}
}

// able wants a node to have all that a target needs to start: the storage in sight, the mount points, the target store,
// the modules. It is looked at before the other node lets go, for then it is too late.
func (p *Pair) able(n *node) []evenkeel.Action {
	argv := []string{"ls", "-d"}
	for _, t := range p.enabled() {
		if argv = append(argv, t.Mount); !p.byHand {
			argv = append(argv, lustre.TargetStoreDir+"/"+lustre.TargetFileName(t.UUID))
		}
		if t.Device != "" {
			argv = append(argv, t.Device)
		}
	}
	has := "the mount points and the target store"
	if p.byHand {
		has = "the mount points"
	}
	guards := []evenkeel.Action{
		shows(evenkeel.Look("able-"+n.no, "Verify that "+n.Name+" has "+has+", and sees the disks", argv...).
			Expecting("nothing is missing", evenkeel.Succeeding(listed(argv[2:]))), ">/dev/null && echo nothing is missing",
			"nothing is missing").On(n.Name).AsPrecondition(),
		shows(evenkeel.Look("modules-"+n.no, "Verify that Lustre's modules are loaded on "+n.Name, "cat", "/proc/modules").
			Expecting("lustre", evenkeel.Succeeding(func(o evenkeel.Observed) error {
				for _, l := range lines(string(o.Stdout)) {
					if strings.HasPrefix(l, "lustre ") {
						return nil
					}
				}
				return errors.New("the module lustre is not loaded: no target would start (lustre:1112)")
			})), "| grep -c '^lustre '", "1").On(n.Name).AsPrecondition(),
	}
	for _, a := range n.seeNIDs("nids-" + n.no) {
		guards = append(guards, a.AsPrecondition())
	}
	return slices.Concat(guards, p.agentsThere(n), p.poolsThere(n))
}
