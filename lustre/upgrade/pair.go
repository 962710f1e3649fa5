package upgrade

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Server is one of the two servers of a pair.
type Server struct {
	Name   string // fully qualified; the runbook's name for it (lustre:877)
	Backup string // a backup of it in the guide's layout: what the plan is made from (lustre:365)
}

// Short is the first label of the name: what EL6 calls the node.
func (s Server) Short() string {
	short, _, _ := strings.Cut(s.Name, ".")
	return short
}

// Config says which pair is upgraded and how. Zero values take what the guide says.
type Config struct {
	Node1, Node2 Server
	// fully qualified name of the IML manager, where the package definitions come from (lustre:556); none where IML is not on the servers
	Manager    string
	Password   sshexec.Secret // for the user hacluster of the new cluster (lustre:820)
	ArchiveDir string         // where the fresh backups go, on the machine that evenkeel runs on (lustre:403)

	OldRelease     string         // what /etc/redhat-release says before: "release 6"
	NewRelease     string         // and after: "release 7"
	Profile        lustre.Profile // which OSDs the servers have: both, as IML installs them (lustre:587)
	Kernel         string         // the exact kernel for ZFS-only servers; the newest when empty (lustre:733)
	AgentRepos     []string       // package definitions for the agent's dependencies (lustre:535-541); addresses are inputs
	ClusterName    string         // lustre-ha-cluster
	OldPCS, NewPCS pcs.Dialect    // the pcs of the old system and of the new one: both 0.9, as on EL6 and EL7
	// make the cluster on node 1 of one CIB, in place before its first start, instead of by the guide's commands (H5, H25)
	Atomic          bool
	Knet            bool                // make a cluster of knet of one of multicast rings: needed from pcs 0.10 on (H15)
	Addresses       map[string][]string // of each node, by its full name, one for each ring: for knet, unless corosync.conf has a node list
	PlainPCS        bool                // make constraints by pcs as the guide does; their ids are then not IML's (H9)
	DisableFirewall bool                // disable the firewall instead of opening its ports (lustre:844)
	NoAutostart     bool                // do not start the cluster at boot (lustre:1697)
	// UnknownPlacement goes on where it cannot be computed whether every target would run on the other node: somebody has looked.
	UnknownPlacement bool

	// Offline stops every target, rebuilds both nodes at the same time, and starts the targets once (lustre:347). Nothing is
	// served meanwhile; Outage then bounds only how long targets may take to stop or to start.
	Offline bool

	SELinux  bool          // label restored SSH keys (lustre:493)
	Outage   time.Duration // how long each wait for targets that move may last: 10 minutes
	Recovery time.Duration // how long the recovery of a target may last, after that, before the operator is asked: 20 minutes
	Install  time.Duration // how long the wait for a reboot may last: 30 minutes

	// Reinstall is how long it takes to install the operating system on a node by hand, for the plan alone; a guess when zero.
	Reinstall time.Duration
}

// hostName is what may be a word of a command: it is no option, and a shell leaves it alone.
var hostName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

func (c *Config) defaults() error {
	c.OldRelease = cmp.Or(c.OldRelease, "release 6")
	c.NewRelease = cmp.Or(c.NewRelease, "release 7")
	c.ClusterName = cmp.Or(c.ClusterName, "lustre-ha-cluster")
	c.Outage = cmp.Or(c.Outage, 10*time.Minute)
	c.Recovery = cmp.Or(c.Recovery, 20*time.Minute) // Lustre's own recovery_time_hard is 15, from the first client on
	c.Install = cmp.Or(c.Install, 30*time.Minute)
	c.ArchiveDir = cmp.Or(c.ArchiveDir, ".")
	var errs []error
	for name, d := range map[string]time.Duration{"outage": c.Outage, "recovery": c.Recovery, "install": c.Install,
		"reinstall_takes": cmp.Or(c.Reinstall, time.Hour)} {
		if d < time.Second || d > 30*24*time.Hour {
			errs = append(errs, fmt.Errorf("%s is %s: a time from a second to thirty days is wanted", name, d))
		}
	}
	for i, s := range []Server{c.Node1, c.Node2} {
		switch {
		case s.Name == "":
			errs = append(errs, fmt.Errorf("node%d: it has no name: give its fully qualified one, such as mds1.example.com", i+1))
		case !hostName.MatchString(s.Name):
			errs = append(errs, fmt.Errorf("node%d: %q is not the name of a host: letters, digits, dots and dashes only, and no "+
				"dash at the beginning", i+1, s.Name))
		case !strings.Contains(s.Name, "."):
			errs = append(errs, fmt.Errorf("node%d: %q is not a fully qualified name, such as mds1.example.com", i+1, s.Name))
		}
		if s.Backup == "" {
			errs = append(errs, fmt.Errorf("node%d: it has no backup to plan from", i+1))
		}
	}
	if c.Node1.Name == c.Node2.Name && c.Node1.Name != "" {
		errs = append(errs, errors.New("node 1 and node 2 are the same machine"))
	}
	if c.Password == "" {
		errs = append(errs, errors.New("no password for hacluster is given"))
	}
	switch {
	case c.Manager == "": // a pair that IML did not make has none
	case !hostName.MatchString(c.Manager):
		// Not quoted: whoever takes it for an address may have written a password into it.
		errs = append(errs, errors.New("the manager's name is not the name of a host: letters, digits, dots and dashes only, and no address"))
	}
	for i, repo := range c.AgentRepos {
		// Plans, journals and lists of processes show it, and so nothing of it is quoted here.
		if u, err := url.Parse(repo); err != nil || u.User != nil || u.Scheme != "" && u.Opaque != "" ||
			!strings.Contains(repo, "://") && strings.Contains(repo, "@") {
			errs = append(errs, fmt.Errorf("repository %d of agent_repos is no address, or has a user name or a password in "+
				"it, which everybody would see in plans, in the journal "+
				"and in lists of processes: name one that asks for none, such as a mirror of your own", i+1))
		}
	}
	if c.Kernel != "" && c.Profile != lustre.ZFSOnly {
		errs = append(errs, fmt.Errorf("kernel is %q, and profile %s takes the kernel of the Lustre repository: a kernel is "+
			"chosen with profile zfs only (lustre:733)", c.Kernel, c.Profile))
	}
	if !hostName.MatchString(c.ClusterName) {
		errs = append(errs, fmt.Errorf("the cluster's name %q is not one: letters, digits, dots, dashes and low lines only, "+
			"and no dash at the beginning", c.ClusterName))
	}
	return errors.Join(errs...)
}
