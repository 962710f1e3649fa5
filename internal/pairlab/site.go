package pairlab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/standin"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// ClusterName is what the old cluster is called.
const ClusterName = "lustre-ha-cluster"

// SiteOptions are the choices of an old cluster.
type SiteOptions struct {
	Targets []Target // as the lab was started with; the guide's three when empty
	ByHand  bool     // as the lab was started: people made the cluster, without IML
}

// BuildOldCluster makes of two nodes of the old release a cluster as IML left it: short node names, two rings, the
// targets on the nodes that they prefer, fencing by fence_chroma and the nodes' attributes; or as people make one. It
// comes back when every target is started where it belongs.
//
// The first start of a cluster waits 20 s for nodes that might come (dc-deadtime, H5). This one begins with a CIB that
// says 2 s, which the whole CIB then replaces.
func BuildOldCluster(ctx context.Context, lab *Lab, o SiteOptions) error {
	if len(o.Targets) == 0 {
		o.Targets = GuideTargets(3)
	}
	s := site{lab.Nodes(), o.Targets, (*Node).Short}
	configure := s.configure
	if o.ByHand {
		configure = s.configureByHand
	}
	if err := s.build(ctx, configure); err != nil {
		return err
	}
	belongs := Placed(o.Targets, func(t Target) string { return s.nodes[t.Preferred].Short() })
	if _, err := WaitStatus(ctx, s.nodes[0], belongs); err != nil {
		return fmt.Errorf("the old cluster does not come up: %w", err)
	}
	return nil
}

type site struct {
	nodes   [2]*Node
	targets []Target
	name    func(*Node) string // what the cluster calls a node
}

// build makes a cluster of both nodes, and configures it.
func (s site) build(ctx context.Context, configure func(context.Context) error) error {
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"authenticate the nodes", s.auth}, {"set the cluster up", s.setup}, {"start the cluster", s.start},
		{"configure the cluster", configure},
	} {
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("cannot %s: %w", step.what, err)
		}
	}
	return nil
}

// auth asks more than once: on a busy machine a pcsd that says it is ready may not answer yet.
func (s site) auth(ctx context.Context) (err error) {
	for range 5 {
		err = run(ctx, s.nodes[0], standin.HaclusterPassword+"\n", "pcs", "host", "auth", s.name(s.nodes[0]),
			s.name(s.nodes[1]), "-u", "hacluster")
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(3 * time.Second):
		}
	}
	return err
}

func (s site) setup(ctx context.Context) error {
	argv := []string{"pcs", "cluster", "setup", ClusterName}
	for _, n := range s.nodes {
		argv = append(argv, s.name(n), "addr="+n.Short(), "addr="+n.Short()+"-ring1")
	}
	return run(ctx, s.nodes[0], "", argv...)
}

// start starts both nodes at once, as at boot.
func (s site) start(ctx context.Context) error {
	errs := make([]error, len(s.nodes))
	var both sync.WaitGroup
	for i, n := range s.nodes {
		both.Go(func() { errs[i] = s.startNode(ctx, n) })
	}
	both.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	_, err := WaitStatus(ctx, s.nodes[0], BothOnline)
	return err
}

func (s site) startNode(ctx context.Context, n *Node) error {
	if err := run(ctx, n, seedCIB, "install", "-o", "hacluster", "-g", "haclient", "-m", "0600", "/dev/stdin",
		"/var/lib/pacemaker/cib/cib.xml"); err != nil {
		return err
	}
	for _, service := range []string{"corosync", "pacemaker"} {
		if err := run(ctx, n, "", "chkconfig", service, "on"); err != nil {
			return err
		}
		if err := run(ctx, n, "", "service", service, "start"); err != nil {
			return err
		}
	}
	return nil
}

// names are those by which the old cluster knows the nodes.
func (s site) names() [2]string { return [2]string{s.name(s.nodes[0]), s.name(s.nodes[1])} }

func (s site) configure(ctx context.Context) error {
	return run(ctx, s.nodes[0], oldCIB(s.names(), s.targets), "cibadmin", "--replace", "--xml-pipe")
}

// run runs a command on a node's console that has to succeed.
func run(ctx context.Context, n *Node, stdin string, argv ...string) error {
	var in io.Reader
	if stdin != "" {
		in = strings.NewReader(stdin)
	}
	_, err := output(ctx, n, in, argv...)
	return err
}

// output is what such a command prints.
func output(ctx context.Context, n *Node, stdin io.Reader, argv ...string) ([]byte, error) {
	out, errs, exit, err := n.Exec(ctx, stdin, argv...)
	if err == nil && exit != 0 {
		err = fmt.Errorf("exit status %d: %s", exit, bytes.TrimSpace(append(out, errs...)))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", n.Name(), strings.Join(argv, " "), err)
	}
	return out, nil
}

// lookEvery is how long is waited between two looks.
const lookEvery = 250 * time.Millisecond

// WaitStatus looks at the cluster from a node until what is wanted holds, that is until want gives nil, or until ctx
// ends: then the error says what was missing last. It gives the last status that it saw, if any.
func WaitStatus(ctx context.Context, n *Node, want func(*pacemaker.Status) error) (last *pacemaker.Status, err error) {
	err = until(ctx, n, func() error {
		st, err := status(ctx, n)
		if err != nil {
			return err
		}
		last = st
		return want(st)
	})
	return last, err
}

// until looks at something again and again until nothing is missing, or until ctx ends.
func until(ctx context.Context, n *Node, look func() error) error {
	var missing error
	for {
		err := look()
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || missing == nil { // else the look was cut short, and says nothing
			missing = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w (%w)", n.Name(), missing, ctx.Err())
		case <-time.After(lookEvery):
		}
	}
}

func status(ctx context.Context, n *Node) (*pacemaker.Status, error) {
	out, err := output(ctx, n, nil, "crm_mon", "--output-as=xml")
	if err != nil {
		return nil, err
	}
	return pacemaker.ParseStatus(bytes.NewReader(out))
}

// BothOnline wants two nodes that are members of a cluster with a DC, and nothing else.
func BothOnline(st *pacemaker.Status) error {
	if !st.DC.Present || len(st.Nodes) != 2 {
		return fmt.Errorf("%d nodes, DC %q", len(st.Nodes), st.DC.Name)
	}
	for _, n := range st.Nodes {
		if !n.Online || n.Pending || n.Unclean {
			return fmt.Errorf("%s: online %v, pending %v, unclean %v", n.Name, n.Online, n.Pending, n.Unclean)
		}
	}
	return nil
}

// Placed wants every target started on the node that on names, as the cluster calls it, and no operation under way.
func Placed(targets []Target, on func(Target) string) func(*pacemaker.Status) error {
	return func(st *pacemaker.Status) error {
		for _, t := range targets {
			r, ok := st.Resource(ResourceID(t))
			switch {
			case !ok:
				return fmt.Errorf("the cluster has no %s", ResourceID(t))
			case r.Role != "Started" || r.Pending != "" || r.Failed || !slices.Equal(r.Nodes, []string{on(t)}):
				return fmt.Errorf("%s is %s on %v (%s failed %v), not started on %s", r.ID, r.Role, r.Nodes, r.Pending, r.Failed, on(t))
			}
		}
		return nil
	}
}

// MountedWhere says, for each target by its label, the full names of the nodes that have it mounted, as the disks know it.
func MountedWhere(lab *Lab, targets []Target) (map[string][]string, error) {
	truth, err := lab.Truth()
	if err != nil {
		return nil, err
	}
	where := map[string][]string{}
	for _, t := range targets {
		where[t.Label] = truth.Serving(t.UUID)
	}
	return where, nil
}
