package live

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// Cluster makes changes of a running cluster. It does no I/O: what it returns is carried out by [change.Do], or turned
// into the actions of a runbook. Nodes are given by their names in the cluster.
type Cluster struct {
	Dialect  pcs.Dialect
	Via      string              // the host on which commands run that any node could run
	Password sshexec.Secret      // of hacluster, for what asks for it
	Hosts    pacemaker.NodeNames // the hosts of the nodes whose names in the cluster differ from theirs: the short names of EL6 (H12)
	SysV     bool                // the nodes have EL6's init scripts, no systemd
}

// clusterUnits are the services that make up a cluster, in the order in which they start.
var clusterUnits = []string{"corosync", "pacemaker"}

func (l Cluster) via(o pcs.Operation) pcs.Operation {
	o.Node = l.Via
	return o
}

func (l Cluster) at(node string, o pcs.Operation) pcs.Operation {
	o.Node = l.Hosts.New(node)
	return o
}

// InCIB is what the stored configuration must show. judge is as the Check of a [change.Proof].
func (l Cluster) InCIB(means string, judge func(*pacemaker.CIB) error) change.Proof {
	return proof(l.via(pcs.QueryCIB()), means, func(a answer) error {
		cib, err := a.cib()
		if err != nil {
			return err
		}
		return judge(cib)
	})
}

// InStatus is what the running cluster must show. judge is as the Check of a [change.Proof].
func (l Cluster) InStatus(means string, judge func(*pacemaker.Status) error) change.Proof {
	return l.statusAt(l.Via, means, judge)
}

func (l Cluster) statusAt(node, means string, judge func(*pacemaker.Status) error) change.Proof {
	return proof(l.at(node, l.Dialect.QueryStatus()), means, func(a answer) error {
		st, err := a.status()
		if err != nil {
			return err
		}
		return judge(st)
	})
}

// file is what a file on a node must hold. What a missing file means is up to judge, which then gets "".
func (l Cluster) file(node, path, means string, judge func(text string) error) change.Proof {
	look := l.at(node, pcs.NewOperation(path, "", op.ReadOnly, op.Idempotent, "cat", path))
	return proof(look, means, func(a answer) error {
		switch {
		case a.ExitCode == 0:
			return judge(string(a.Stdout))
		case strings.Contains(string(a.Stderr), "No such file or directory"):
			return judge("")
		}
		return fmt.Errorf("cannot read %s on %s: exit status %d: %s", path, a.Host, a.ExitCode, lastOf(string(a.Stderr)))
	})
}

// Auth makes the hosts' pcsd trust each other; the password of hacluster goes by standard input (lustre:864, PCM-015 to
// PCM-017). It runs on Via; from pcs 0.10 on that makes Via alone able to give orders to the others.
func (l Cluster) Auth(nodes ...string) change.Change {
	look := l.via(pcs.NewOperation("whether pcsd answers", "lustre:855", op.ReadOnly, op.Idempotent,
		append([]string{"pcs", "status", "pcsd"}, nodes...)...))
	return l.Change(l.via(l.Dialect.Auth(nodes...)),
		change.Change{Limit: time.Minute,
			Proof: []change.Proof{proof(look, "pcs status pcsd says that each of them is Online: "+strings.Join(nodes, ", "), func(a answer) error {
				states := pcsdStates(string(a.Stdout))
				for _, n := range nodes {
					if states[n] != "Online" {
						return notYet("pcsd of %s is %q", n, states[n])
					}
				}
				return nil
			})}})
}

// pcsdStates reads lines such as "  ct6-mds1.lfs.intl: Online".
func pcsdStates(text string) map[string]string {
	states := map[string]string{}
	for line := range strings.Lines(printable.Plain(text)) {
		if node, state, ok := strings.Cut(line, ":"); ok {
			states[strings.TrimSpace(node)] = strings.TrimSpace(state)
		}
	}
	return states
}

// corosyncConfPath is where corosync has its configuration.
const corosyncConfPath = "/etc/corosync/corosync.conf"

// leftoverFiles are those by which pcs takes a host for a member of another cluster (H6). pcs 0.11 overwrites a key alone, 0.9 refuses it.
var leftoverFiles = []string{corosyncConfPath, "/etc/pacemaker/authkey", pacemaker.CIBPath}

// Unused wants a host to have no files of another cluster: pcs refuses it, and with --force would destroy that cluster (H6).
func (l Cluster) Unused(node string) change.Proof {
	look := l.at(node, pcs.NewOperation("files of another cluster", "", op.ReadOnly, op.Idempotent,
		append([]string{"ls", "-d"}, leftoverFiles...)...))
	return proof(look, "no file of a cluster is on "+node, func(a answer) error {
		if found := strings.Fields(string(a.Stdout)); len(found) > 0 {
			return fmt.Errorf("%w: %s on %s; if this is the node under rebuild, remove them by pcs cluster destroy there",
				pacemaker.ErrLeftovers, strings.Join(found, ", "), a.Host)
		}
		for _, file := range leftoverFiles { // ls names each that is not there
			if a.ExitCode == 0 || !strings.Contains(string(a.Stderr), file) {
				return fmt.Errorf("ls on %s does not say whether %s is there: exit status %d: %s", a.Host, file, a.ExitCode, lastOf(string(a.Stderr)))
			}
		}
		return nil
	})
}

// Configured wants a host's corosync.conf to be that of a cluster with these nodes. Another cluster's is an error, not a "not yet".
func (l Cluster) Configured(at, cluster string, nodes ...string) change.Proof {
	means := fmt.Sprintf("corosync.conf on %s names %s", at, strings.Join(nodes, ", "))
	return l.file(at, corosyncConfPath, means, func(text string) error {
		if text == "" {
			return notYet("there is no %s", corosyncConfPath)
		}
		conf, err := corosync.Parse(strings.NewReader(text))
		if err != nil {
			return err
		}
		totem, err := conf.Totem()
		if err != nil {
			return err
		}
		if cluster != "" && totem.ClusterName != cluster {
			return fmt.Errorf("%w: %s is that of the cluster %q, not %q", pacemaker.ErrLeftovers, corosyncConfPath, totem.ClusterName, cluster)
		}
		list, err := conf.NodeList()
		if err != nil {
			return err
		}
		for _, n := range nodes {
			if !names(list, n) {
				return notYet("corosync.conf does not name %s", n)
			}
		}
		return nil
	})
}

// names says whether a node list has a node: corosync 2 has its name as its address.
func names(list []corosync.Node, node string) bool {
	return slices.ContainsFunc(list, func(n corosync.Node) bool { return n.Name == node || n.Name == "" && n.Addresses[0] == node })
}

// Setup makes a new cluster (lustre:882, PCM-013). Files of another one are refused, and named (H6).
func (l Cluster) Setup(s corosync.Setup) (change.Change, error) {
	o, err := l.Dialect.Setup(s)
	if err != nil {
		return change.Change{}, err
	}
	c := l.Change(l.via(o), change.Change{Limit: 3 * time.Minute})
	var all []string
	for _, n := range s.Nodes {
		all = append(all, n.Name)
	}
	for _, n := range all {
		c.Needs = append(c.Needs, l.Unused(n))
		c.Proof = append(c.Proof, l.Configured(n, s.Name, all...))
	}
	return c, nil
}

// NodeAdd adds a node to the running cluster (lustre:1615, PCM-040); with start it is done when the node is online.
func (l Cluster) NodeAdd(node corosync.Member, start bool) change.Change {
	c := l.Change(l.via(l.Dialect.NodeAdd(node, start)), change.Change{Limit: 3 * time.Minute})
	c.Needs = []change.Proof{l.Unused(node.Name)}
	c.Proof = []change.Proof{l.Configured(l.Via, "", node.Name), l.Configured(node.Name, "", node.Name)}
	if start {
		c.Proof = append(c.Proof, l.Online(node.Name))
	}
	return c
}

// NodeRemove removes a node from the running cluster, and destroys the cluster's configuration on it. It is done when
// neither corosync.conf nor the CIB knows it: a cluster that still knows a node may fence it while it is rebuilt (H1).
// The node's host must answer; see [Cluster.Forget].
func (l Cluster) NodeRemove(node string) change.Change {
	return l.Change(l.via(l.Dialect.NodeRemove(node)), change.Change{Limit: 3 * time.Minute, Proof: l.forgotten(node)})
}

// Forget is [Cluster.NodeRemove] of a node whose host does not answer, or was installed anew: it stays as it is. The
// node must have left the cluster, and must not come back with its old files.
func (l Cluster) Forget(node string) change.Change {
	o := l.Dialect.NodeRemove(node)
	o.Name = "forget " + node
	if l.Dialect.Modern() {
		o.Argv = append(o.Argv, "--skip-offline")
	}
	o.Argv = append(o.Argv, "--force") // pcs asks the node that is off whether the others would lose the quorum
	c := l.Change(l.via(o), change.Change{Limit: 3 * time.Minute, Proof: l.forgotten(node)})
	c.Needs = []change.Proof{l.InStatus(node+" is not online, and needs no fencing", func(st *pacemaker.Status) error {
		if n, ok := st.Node(node); ok && (n.Online || n.Pending || n.Unclean) {
			return notYet("%s is still a member, or has to be fenced (online %v, unclean %v)", node, n.Online, n.Unclean)
		}
		return nil
	})}
	return c
}

// forgotten wants the cluster not to know a node.
func (l Cluster) forgotten(node string) []change.Proof {
	file := l.file(l.Via, corosyncConfPath, "corosync.conf does not name "+node, func(text string) error {
		conf, err := corosync.Parse(strings.NewReader(text))
		if err != nil {
			return err
		}
		list, err := conf.NodeList()
		switch {
		case err != nil:
			return err
		case len(list) == 0:
			return fmt.Errorf("%s on %s names no node at all: it does not tell whether the cluster knows %s", corosyncConfPath, l.Via, node)
		case names(list, node):
			return notYet("corosync.conf names %s", node)
		}
		return nil
	})
	return []change.Proof{file, l.InCIB("the CIB does not know "+node, func(c *pacemaker.CIB) error {
		_, known := c.Node(node)
		switch {
		case len(c.Nodes()) == 0:
			return errors.New("the CIB knows no node at all")
		case known:
			return notYet("the CIB knows %s", node)
		}
		return nil
	})}
}

// Online wants nodes to be members that can take resources, and a DC. A cluster that does not run there is "not yet" (H4).
func (l Cluster) Online(nodes ...string) change.Proof {
	e := l.InStatus("crm_mon shows online: "+strings.Join(nodes, ", "), func(st *pacemaker.Status) error { return online(st, nodes...) })
	e.Check = downIsNotYet(e.Check)
	return e
}

func online(st *pacemaker.Status, nodes ...string) error {
	for _, name := range nodes {
		if n, ok := st.Node(name); !ok || !n.Online || n.Pending || n.Unclean {
			return notYet("%s is not online (in the cluster %v, online %v, pending %v, unclean %v)", name, ok, n.Online, n.Pending, n.Unclean)
		}
	}
	if !st.DC.Present {
		return notYet("the cluster has not elected a DC")
	}
	return nil
}

// downIsNotYet is for what begins with a cluster that does not run.
func downIsNotYet(judge func(change.Observed) error) func(change.Observed) error {
	return func(o change.Observed) error {
		err := judge(o)
		if err != nil && isDown(err) {
			return notYet("%v", err)
		}
		return err
	}
}

// Start starts the cluster on a node, and waits until it is online there (lustre:920-924, PCM-019, PCM-020). The first
// start of a cluster takes 20 s more (H5).
func (l Cluster) Start(node string) change.Change {
	up := l.statusAt(node, "crm_mon on "+node+" shows it online", func(st *pacemaker.Status) error { return online(st, node) })
	up.Check = downIsNotYet(up.Check)
	return l.Change(l.at(node, l.Dialect.ClusterStart("")), change.Change{Proof: []change.Proof{up}, Limit: 3 * time.Minute})
}

// Stop stops the cluster on a node; what it runs moves first, and in maintenance goes on without a cluster. It is done
// when neither of the two services runs: pcs exits 0 also where it stopped nothing (H4).
func (l Cluster) Stop(node string) change.Change {
	// Pacemaker's own limit is 20
	return l.Change(l.at(node, l.Dialect.ClusterStop("")), change.Change{Proof: l.Stopped(node), Limit: 25 * time.Minute})
}

// Stopped wants neither of the services to run.
func (l Cluster) Stopped(node string) []change.Proof {
	const means = "neither pacemaker nor corosync runs on "
	if !l.SysV {
		return []change.Proof{l.units(node, means+node, "is-active", "inactive")}
	}
	var list []change.Proof
	for _, unit := range clusterUnits {
		look := l.at(node, pcs.NewOperation(unit, "", op.ReadOnly, op.Idempotent, "service", unit, "status"))
		list = append(list, proof(look, unit+" does not run on "+node+": exit status 3", func(a answer) error {
			switch a.ExitCode { // those of an init script (LSB)
			case 3:
				return nil
			case 0:
				return notYet("%s runs", unit)
			case 1, 2:
				return notYet("%s died on %s and left its files (exit status %d): its other daemons may still run, and the "+
					"resources; service %s stop ends them", unit, node, a.ExitCode, unit)
			}
			return fmt.Errorf("service %s status: exit status %d: %s", unit, a.ExitCode, lastOf(string(a.Stderr)))
		}))
	}
	return list
}

// units wants each of the two services to be in one of the states.
func (l Cluster) units(node, means, verb string, want ...string) change.Proof {
	look := l.at(node, pcs.NewOperation("the cluster's services", "", op.ReadOnly, op.Idempotent,
		append([]string{"systemctl", verb}, clusterUnits...)...))
	return proof(look, means, func(a answer) error {
		states := strings.Fields(string(a.Stdout))
		if len(states) != len(clusterUnits) {
			return fmt.Errorf("systemctl %s says nothing of one of %s: exit status %d: %s", verb,
				strings.Join(clusterUnits, ", "), a.ExitCode, lastOf(string(a.Stderr)))
		}
		for i, state := range states {
			switch {
			case state == "failed" && !slices.Contains(want, state):
				return notYet("%s has failed on %s: its other daemons may still run, and the resources; systemctl stop %[1]s, see "+
					"that none is left, and systemctl reset-failed %[1]s", clusterUnits[i], a.Host)
			case !slices.Contains(want, state):
				return notYet("%s is %s", clusterUnits[i], state)
			}
		}
		return nil
	})
}

// Enable makes the cluster start at boot on a node (lustre:921).
func (l Cluster) Enable(node string) change.Change {
	return l.Change(l.at(node, l.Dialect.ClusterEnable("")), change.Change{Proof: l.AtBoot(node, true), Limit: time.Minute})
}

// Disable makes the cluster not start at boot on a node (lustre:443, PCM-037).
func (l Cluster) Disable(node string) change.Change {
	return l.Change(l.at(node, l.Dialect.ClusterDisable("")), change.Change{Proof: l.AtBoot(node, false), Limit: time.Minute})
}

// AtBoot wants the cluster to start at boot on a node, or not to.
func (l Cluster) AtBoot(node string, enabled bool) []change.Proof {
	word := map[bool]string{true: "enabled", false: "disabled"}[enabled]
	if !l.SysV {
		return []change.Proof{l.units(node, "systemctl is-enabled says "+word+" on "+node, "is-enabled", word)}
	}
	var list []change.Proof
	for _, unit := range clusterUnits {
		look := l.at(node, pcs.NewOperation(unit, "", op.ReadOnly, op.Idempotent, "chkconfig", unit))
		list = append(list, proof(look,
			fmt.Sprintf("%s is %s at boot on %s: exit status %d", unit, word, node, map[bool]int{true: 0, false: 1}[enabled]), func(a answer) error {
				switch {
				case a.ExitCode > 1 || strings.TrimSpace(a.text()) != "": // it says nothing of a service that it knows
					return fmt.Errorf("chkconfig %s: exit status %d: %s", unit, a.ExitCode, lastOf(a.text()))
				case (a.ExitCode == 0) != enabled:
					return notYet("%s is not %s", unit, word)
				}
				return nil
			}))
	}
	return list
}
