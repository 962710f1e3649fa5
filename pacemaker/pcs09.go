package pacemaker

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/op"
)

type pcs09 struct{}

func (pcs09) Name() string { return "pcs 0.9" }

func (pcs09) Auth(nodes ...string) Operation {
	argv := append([]string{"pcs", "cluster", "auth"}, nodes...)
	o := operation("authorise "+strings.Join(nodes, " "), "lustre:864", op.Mutating, op.Safe, append(argv, "-u", "hacluster")...)
	o.Asks = "the password of hacluster"
	return o
}

func (pcs09) Setup(s ClusterSetup) (Operation, error) {
	argv := []string{"pcs", "cluster", "setup", "--name", s.Name, s.Node, "--transport", "udp", "--rrpmode", s.RRPMode}
	if len(s.Rings) > 2 {
		return Operation{}, fmt.Errorf("pcs 0.9 makes clusters of at most two rings, not %d: %w", len(s.Rings), ErrUnsupported)
	}
	rings := slices.Clone(s.Rings)
	slices.SortFunc(rings, func(a, b Interface) int { return a.Ring - b.Ring })
	for _, r := range rings {
		if r.Broadcast {
			return Operation{}, fmt.Errorf("ring %d uses broadcast: %w", r.Ring, ErrUnsupported)
		}
		n := strconv.Itoa(r.Ring)
		argv = append(argv, "--addr"+n, r.BindNetAddr, "--mcast"+n, r.McastAddr, "--mcastport"+n, strconv.Itoa(r.McastPort))
		if r.TTL > 1 { // 1 is the default, and the guide does not give it
			argv = append(argv, "--ttl"+n, strconv.Itoa(r.TTL))
		}
	}
	argv = append(argv, "--token", strconv.Itoa(s.Token))
	if s.FailRecvConst > 0 {
		argv = append(argv, "--fail_recv_const", strconv.Itoa(s.FailRecvConst))
	}
	o := operation("set up "+s.Name, "lustre:882", op.Disruptive, op.Never, argv...)
	o.Why = "refuses when an old corosync.conf or authkey is left on the node (H6)"
	return o, nil
}

// onNode appends a node where one is given: without one pcs takes the local node.
func onNode(node string, argv ...string) []string {
	if node != "" {
		argv = append(argv, node)
	}
	return argv
}

func (pcs09) ClusterStart(node string) Operation {
	o := operation("start the cluster", "lustre:920", op.Disruptive, op.Safe, onNode(node, "pcs", "cluster", "start")...)
	o.Why = "exits 0 even where it started nothing (H4): the state decides; the first start waits 20 s for other nodes (H5)"
	return o
}

func (pcs09) ClusterEnable(node string) Operation {
	return operation("start the cluster at boot", "lustre:921", op.Mutating, op.Safe, onNode(node, "pcs", "cluster", "enable")...)
}

func (pcs09) ClusterDisable(node string) Operation {
	return operation("do not start the cluster at boot", "lustre:443", op.Mutating, op.Safe, onNode(node, "pcs", "cluster", "disable")...)
}

func (pcs09) NodeAdd(node string, start bool) Operation {
	argv := []string{"pcs", "cluster", "node", "add", node}
	if start {
		argv = append(argv, "--start")
	}
	return operation("add "+node, "lustre:1615", op.Disruptive, op.Never, argv...)
}

func (pcs09) Standby(node string) Operation {
	return operation("standby "+node, "lustre:427", op.Disruptive, op.Safe, onNode(node, "pcs", "cluster", "standby")...)
}

func (pcs09) Unstandby(node string) Operation {
	return operation("end standby "+node, "lustre:427", op.Disruptive, op.Safe, onNode(node, "pcs", "cluster", "unstandby")...)
}

// crmAttributeNeeded says whether pcs 0.9 cannot set this pair: it takes name=value apart at every "=", and an empty value removes.
func crmAttributeNeeded(p NVPair) bool { return p.Value == "" || strings.Contains(p.Value, "=") }

func (pcs09) SetProperty(p NVPair) Operation {
	argv := []string{"pcs", "property", "set", p.Name + "=" + p.Value}
	if crmAttributeNeeded(p) {
		argv = []string{"crm_attribute", "--type", "crm_config", "--name", p.Name, "--update", p.Value}
	}
	return markSecrets(operation("property "+p.Name, "lustre:934", op.Mutating, op.Safe, argv...), []NVPair{p})
}

func (d pcs09) Maintenance(on bool) Operation {
	o := d.SetProperty(NVPair{Name: "maintenance-mode", Value: strconv.FormatBool(on)})
	o.Name, o.Ref = "maintenance-mode on", "lustre:976"
	if !on {
		o.Name, o.Ref, o.Effect = "maintenance-mode off", "lustre:1136", op.Disruptive
		o.Why = "from here on the cluster acts: every target must be disabled here and stopped on the other node (H8)"
	}
	return o
}

func (pcs09) SetResourceDefault(p NVPair) Operation {
	o := operation("resource default "+p.Name, "lustre:963", op.Mutating, op.Safe, "pcs", "resource", "defaults", p.Name+"="+p.Value)
	return markSecrets(o, []NVPair{p})
}

func (pcs09) SetOperationDefault(p NVPair) Operation {
	o := operation("operation default "+p.Name, "", op.Mutating, op.Safe, "pcs", "resource", "op", "defaults", p.Name+"="+p.Value)
	return markSecrets(o, []NVPair{p})
}

func (pcs09) SetNodeAttributes(node string, pairs []NVPair) []Operation {
	var ops []Operation
	var simple []NVPair
	flush := func() {
		if len(simple) == 0 {
			return
		}
		argv := []string{"pcs", "property", "set", "--node", node}
		names := make([]string, len(simple))
		for i, p := range simple {
			argv = append(argv, p.Name+"="+p.Value)
			names[i] = p.Name
		}
		name := fmt.Sprintf("attributes of %s: %s", node, strings.Join(names, " "))
		ops = append(ops, markSecrets(operation(name, "lustre:1737", op.Mutating, op.Safe, argv...), simple))
		simple = nil
	}
	for _, p := range pairs {
		if !crmAttributeNeeded(p) {
			simple = append(simple, p)
			continue
		}
		flush()
		o := operation(fmt.Sprintf("attributes of %s: %s", node, p.Name), "lustre:1737", op.Mutating, op.Safe,
			"crm_attribute", "--type", "nodes", "--node", node, "--name", p.Name, "--update", p.Value)
		o.Why = "pcs 0.9 cannot set an empty value or one with an equals sign"
		ops = append(ops, markSecrets(o, []NVPair{p}))
	}
	flush()
	return ops
}

// markSecrets notes where the secrets among pairs stand in the command.
func markSecrets(o Operation, pairs []NVPair) Operation {
	for i, arg := range o.Argv {
		for _, p := range pairs {
			if SecretName(p.Name) && p.Value != "" && (arg == p.Name+"="+p.Value || i > 0 && arg == p.Value && o.Argv[i-1] == "--update") {
				o.Secret = append(o.Secret, i)
			}
		}
	}
	return o
}

func (pcs09) CreateStonith(r Resource) Operation {
	argv := append([]string{"pcs", "stonith", "create", r.ID, r.Type}, definition(r)...)
	o := operation("create "+r.ID, "lustre:982", op.Mutating, op.ProbeFirst, argv...)
	o.Why = "pcs adds an empty attribute set and a 60 s monitor that IML never had (H22)"
	return markSecrets(o, r.Instance.Effective())
}

func (pcs09) CreateResource(r Resource, disabled bool) Operation {
	argv := append([]string{"pcs", "resource", "create", r.ID, r.Agent()}, definition(r)...)
	o := operation("create "+r.ID, "lustre:988", op.Mutating, op.ProbeFirst, argv...)
	if disabled {
		o.Argv = append(o.Argv, "--disabled")
		o.Why = "disabled: the other node still has the target mounted (PCM-026)"
	}
	return markSecrets(o, r.Instance.Effective())
}

// definition is what pcs 0.9 takes after the agent: parameters, operations in the guide's order, meta attributes.
func definition(r Resource) []string {
	var argv []string
	for _, p := range r.Instance.Effective() {
		argv = append(argv, p.Name+"="+p.Value)
	}
	ops := slices.Clone(r.Operations)
	slices.SortStableFunc(ops, func(a, b Op) int { return guideOrder(a) - guideOrder(b) })
	if len(ops) > 0 {
		argv = append(argv, "op")
	}
	for _, o := range ops {
		argv = append(argv, o.Name, "interval="+o.Interval)
		if o.Timeout != "" {
			argv = append(argv, "timeout="+o.Timeout)
		}
		for _, p := range o.Other {
			argv = append(argv, p.Name+"="+p.Value)
		}
		for _, p := range o.Instance.Effective() {
			argv = append(argv, p.Name+"="+p.Value)
		}
	}
	// A target's role is set by --disabled and by enabling it later; only a fence device that was off stays off from the start.
	meta := slices.DeleteFunc(slices.Clone(r.Meta.Effective()), func(p NVPair) bool {
		return p.Name == "target-role" && (r.Class != "stonith" || !strings.EqualFold(p.Value, "Stopped"))
	})
	if len(meta) > 0 {
		argv = append(argv, "meta")
	}
	for _, p := range meta {
		argv = append(argv, p.Name+"="+p.Value)
	}
	return argv
}

// guideOrder is the order of operations in the guide's command: monitor, stop, start, and then the rest as in the CIB.
func guideOrder(o Op) int {
	if i := slices.Index([]string{"monitor", "stop", "start"}, o.Name); i >= 0 {
		return i
	}
	return 3
}

func (pcs09) PreferNode(resource, node string, score Score) Operation {
	return operation(fmt.Sprintf("%s prefers %s", resource, node), "lustre:1040", op.Mutating, op.ProbeFirst,
		"pcs", "constraint", "location", resource, "prefers", node+"="+score.String())
}

func (pcs09) EnableResource(id string) Operation {
	return operation("enable "+id, "lustre:1142", op.Mutating, op.Safe, "pcs", "resource", "enable", id)
}

func (pcs09) DisableResource(id string) Operation {
	return operation("disable "+id, "", op.Disruptive, op.Safe, "pcs", "resource", "disable", id)
}

func (pcs09) RelocateShow() Operation {
	return operation("show what would move", "lustre:1659", op.ReadOnly, op.Safe, "pcs", "resource", "relocate", "show")
}

func (pcs09) RelocateRun() Operation {
	o := operation("move every target to the node it prefers", "lustre:1665", op.Disruptive, op.ProbeFirst, "pcs", "resource", "relocate", "run")
	o.Why = "nothing moves back by itself: the stickiness is greater than the preference (H17)"
	return o
}
