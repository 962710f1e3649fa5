//go:build integration

package pacemaker

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
)

// freshCIB is a cluster of two nodes without anything, as pcs 0.11 leaves it after the setup.
const freshCIB = `<cib crm_feature_set="3.14.0" validate-with="pacemaker-3.9" epoch="5" num_updates="0" admin_epoch="0" have-quorum="1" dc-uuid="1">
  <configuration>
    <crm_config>
      <cluster_property_set id="cib-bootstrap-options">
        <nvpair id="cib-bootstrap-options-dc-version" name="dc-version" value="2.1.5"/>
        <nvpair id="cib-bootstrap-options-cluster-infrastructure" name="cluster-infrastructure" value="corosync"/>
      </cluster_property_set>
    </crm_config>
    <nodes>
      <node id="1" uname="ct6-mds1.lfs.intl"/>
      <node id="2" uname="ct6-mds2.lfs.intl"/>
    </nodes>
    <resources/>
    <constraints/>
  </configuration>
  <status/>
</cib>
`

// offline runs the real tools on a CIB in a file.
type offline struct {
	t    testing.TB
	file string
}

func newOffline(t testing.TB) offline {
	t.Helper()
	golden.Program(t, "pcs", "pcs")
	golden.Program(t, "cibadmin", "pacemaker-cli-utils")
	o := offline{t, filepath.Join(t.TempDir(), "cib.xml")}
	require.NoError(t, os.WriteFile(o.file, []byte(freshCIB), 0o600))
	return o
}

// try runs an operation; pcs takes the file by -f, Pacemaker's tools by the environment.
func (o offline) try(op Operation) (int, string) {
	argv := op.Argv
	if argv[0] == "pcs" {
		argv = append([]string{"pcs", "-f", o.file}, argv[1:]...)
	}
	cmd := exec.CommandContext(context.Background(), argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "CIB_file="+o.file)
	cmd.Stdin = strings.NewReader(op.Stdin)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		o.t.Fatalf("%s: %v", op, err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

func (o offline) do(ops ...Operation) {
	o.t.Helper()
	for _, op := range ops {
		code, out := o.try(op)
		require.Zero(o.t, code, "%s\n%s", op, out)
		require.NoError(o.t, op.Meaning().Judge(code, out))
	}
}

func (o offline) live() *CIB {
	o.t.Helper()
	f, err := os.Open(o.file)
	require.NoError(o.t, err)
	defer f.Close()
	cib, err := ParseCIB(f)
	require.NoError(o.t, err)
	return cib
}

// stubAgents installs agents that have metadata and do nothing: pcs asks for it.
func stubAgents(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("stub agents can be installed by root only")
	}
	const target = `#!/bin/sh
cat <<END
<?xml version="1.0"?>
<resource-agent name="Target" version="1.0"><version>1.0</version><longdesc lang="en">A target.</longdesc><shortdesc lang="en">A target</shortdesc>
<parameters><parameter name="target" unique="1" required="1"><longdesc lang="en">Its id.</longdesc><shortdesc lang="en">id</shortdesc><content type="string"/></parameter></parameters>
<actions><action name="start" timeout="300"/><action name="stop" timeout="300"/><action name="monitor" timeout="60" interval="5" depth="0"/><action name="meta-data" timeout="5"/></actions></resource-agent>
END
`
	const fence = `#!/bin/sh
cat <<END
<?xml version="1.0"?>
<resource-agent name="fence_chroma" shortdesc="Fence"><longdesc>Fence.</longdesc><vendor-url>none</vendor-url>
<parameters><parameter name="port" unique="0" required="0"><content type="string"/><shortdesc lang="en">plug</shortdesc></parameter></parameters>
<actions><action name="on"/><action name="off"/><action name="reboot"/><action name="monitor"/><action name="metadata"/></actions></resource-agent>
END
`
	for path, text := range map[string]string{"/usr/lib/ocf/resource.d/chroma/Target": target, "/usr/sbin/fence_chroma": fence} {
		if _, err := os.Stat(path); err == nil {
			continue
		}
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o755))
		t.Cleanup(func() {
			_ = os.Remove(path)
			if strings.HasSuffix(filepath.Dir(path), "/chroma") {
				_ = os.Remove(filepath.Dir(path))
			}
		})
	}
}

// Real pcs 0.11, cibadmin and crm_resource take the list of commands, and what it gives is what the push gives: for IML's pair in both
// forms of constraints, and for a cluster with everything in it. Pacemaker's own checker accepts both.
func TestRealToolsTakeBothForms(t *testing.T) {
	stubAgents(t)
	for name, c := range map[string]struct {
		cib   *CIB
		plain bool
	}{
		"IML's pair, ids kept":   {readCIB(t, imlCIB), false},
		"IML's pair, ids of pcs": {readCIB(t, imlCIB), true},
		"a wide cluster":         {parseCIB(t, wideCIB), false},
	} {
		t.Run(name, func(t *testing.T) {
			opts := guideOptions(t)
			opts.Dialect, opts.Knet, opts.ByXML, opts.PlainConstraints = PCS011, true, true, c.plain
			opts.Addresses = map[string][]string{opts.Node1: {"192.168.1.21", "10.42.42.21"}, opts.Node2: {"192.168.1.22", "10.42.42.22"}}
			plan, err := Rebuild(c.cib, readConf(t), opts)
			require.NoError(t, err)
			byCommands, byPush := newOffline(t), newOffline(t)
			ran := 0
			run := func(sections ...[]Operation) {
				for _, ops := range sections {
					ran += len(ops)
					byCommands.do(ops...)
				}
			}
			run(plan.Properties, plan.Defaults, plan.Maintenance, plan.Stonith, plan.Resources, plan.Constraints)
			push, err := plan.Push(byPush.live(), StagePrepared)
			require.NoError(t, err)
			byPush.do(push)
			ids := []DiffOption{ManagedIDs()}
			if c.plain {
				ids = nil
			}
			// A change by ids cannot remove a role: it says Started where the commands say nothing.
			said := Expectation{Name: "role said", Matches: func(d Difference) bool {
				return d.Field == "meta attribute target-role" && d.Old == "Started" && !d.InNew
			}}
			same := func() {
				t.Helper()
				require.Empty(t, sentences(Diff(byPush.live(), byCommands.live(), append(ids, Expect(ExpectStonithByPCS, said))...)))
				for _, o := range []offline{byCommands, byPush} {
					text, err := os.ReadFile(o.file)
					require.NoError(t, err)
					out, err := exec.CommandContext(context.Background(), "crm_verify", "--xml-file", o.file, "-V").CombinedOutput()
					require.NotContains(t, string(out), "did not pass schema", "%s\n%s", out, text)
					_ = err // crm_verify also fails for warnings
				}
			}
			same()
			run(plan.SwitchOver)
			over, err := plan.SwitchOverPush(byPush.live())
			require.NoError(t, err)
			byPush.do(over)
			same()
			run(plan.Fencing)
			fencing, err := plan.FencingPush(byPush.live())
			require.NoError(t, err)
			if strings.Contains(fencing.Stdin, "nvpair") {
				byPush.do(fencing)
			}
			same()
			whole, err := plan.Configuration(byCommands.live(), StageComplete)
			require.NoError(t, err)
			require.Empty(t, sentences(Diff(whole, byCommands.live(), append(ids, Expect(ExpectStonithByPCS))...)))
			t.Logf("%d commands", ran)

			// A push on the basis of a configuration that has changed since is refused, and told apart.
			code, out := byPush.try(push)
			require.ErrorIs(t, push.Meaning().Judge(code, out), ErrOutdated)
		})
	}
}

// The simple answers of real pcs 0.11 are read back by the parsers of its text.
func TestRealPCSTextReadsBack(t *testing.T) {
	o := newOffline(t)
	opts := guideOptions(t)
	opts.ByXML = true
	noTemplate := strings.Replace(wideCIB, `<primitive id="from" template="T"/>`, "", 1) // pcs 0.11.5 breaks down on a resource made from one
	plan, err := Rebuild(parseCIB(t, noTemplate), readConf(t), opts)
	require.NoError(t, err)
	push, err := plan.Push(o.live(), StageComplete)
	require.NoError(t, err)
	o.do(push)
	ask := func(op Operation) *strings.Reader {
		code, out := o.try(op)
		require.Zero(t, code, out)
		return strings.NewReader(out)
	}
	d := PCS011
	rs, err := ParsePCSResources(ask(d.ShowResources("")))
	require.NoError(t, err)
	require.Len(t, rs, 5)
	c, err := ParsePCSConstraints(ask(d.ShowConstraints("", true)))
	require.NoError(t, err)
	require.Len(t, c.Locations, 2)
	require.Len(t, c.Orders, 1)
	require.Len(t, c.Others, 2)
	p, err := ParsePCSProperties(ask(d.ShowProperties("")))
	require.NoError(t, err)
	require.Equal(t, plainPairs(o.live().Properties()), plainPairs(p.Properties))
	_, err = ParsePCSDefaults(ask(d.ShowDefaults("")))
	require.NoError(t, err)
	_, err = ParsePCSResources(ask(d.ShowStonith("")))
	require.NoError(t, err)
}

// H4, H7, H19: the meanings of exit statuses, asked of the real tools where no cluster runs.
func TestRealExitStatuses(t *testing.T) {
	golden.Program(t, "pcs", "pcs")
	golden.Program(t, "crm_mon", "pacemaker-cli-utils")
	if exec.CommandContext(context.Background(), "crm_mon", "-1").Run() == nil {
		t.Skip("a cluster runs on this machine")
	}
	for _, argv := range [][]string{
		{"pcs", "status"}, {"pcs", "cluster", "status"}, {"pcs", "property", "set", "maintenance-mode=true"}, {"crm_mon", "-1"}, {"crm_mon", "--output-as=xml"}, {"cibadmin", "--query"},
		{"crm_resource", "--refresh", "--resource", "a"}, {"crm_attribute", "--name", "a", "--query"}, {"stonith_admin", "--history", "*"}, {"crm_verify", "-L"},
		{"corosync-cfgtool", "-s"}, {"corosync-quorumtool", "-s"}, {"crm_node", "-l"},
	} {
		out, err := exec.CommandContext(context.Background(), argv[0], argv[1:]...).CombinedOutput()
		require.Error(t, err)
		m, ok := MeaningOf(argv...)
		require.True(t, ok)
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit, "%v", argv)
		require.ErrorIs(t, m.Judge(exit.ExitCode(), string(out)), ErrClusterDown, "%v: exit status %d\n%s", argv, exit.ExitCode(), out)
	}
	o := newOffline(t)
	judge := func(op Operation) error {
		code, out := o.try(op)
		return op.Meaning().Judge(code, out)
	}
	plan, err := Rebuild(readCIB(t, imlCIB), readConf(t), guideOptions(t))
	require.NoError(t, err)
	push, err := plan.Push(o.live(), StagePrepared)
	require.NoError(t, err)
	o.do(push)
	location := plan.Constraints[0]
	require.ErrorIs(t, judge(location), ErrExists, "the push made it")
	location.Argv = append(location.Argv[:len(location.Argv)-1:len(location.Argv)-1], `<rsc_location id="x" rsc="nothing" node="n" score="1"/>`)
	require.ErrorIs(t, judge(location), ErrInvalid)
	require.ErrorIs(t, judge(PCS011.SetNodeAttributes("absent.x", []NVPair{{Name: "a", Value: "1"}})[0]), ErrAbsentNode, "H7")
	require.ErrorIs(t, judge(Operation{Argv: []string{"cibadmin", "--modify", "--scope", "constraints", "--xml-text", `<rsc_location id="none" rsc="MGS_32834e" node="n" score="1"/>`}}), ErrNotFound)
	require.ErrorIs(t, judge(Operation{Argv: []string{"crm_resource", "--resource", "none", "--locate"}}), ErrNotFound)
	require.ErrorIs(t, judge(Operation{Argv: []string{"pcs", "resource", "enable", "none"}}), ErrCommandFailed)
}

// The words of `pcs cluster setup` that this package makes for 0.11 are taken by real pcs, and its corosync.conf is what they say (H15).
func TestRealPCSSetup(t *testing.T) {
	golden.Program(t, "pcs", "pcs")
	two := []corosync.Member{{Name: "ct6-mds1.lfs.intl", Addresses: []string{"10.128.0.21", "10.73.10.1"}}, {Name: "ct6-mds2.lfs.intl", Addresses: []string{"10.128.0.22", "10.73.10.2"}}}
	one := []corosync.Member{{Name: "ct6-mds1.lfs.intl", Addresses: []string{"10.128.0.21"}}}
	for name, setup := range map[string]corosync.Setup{
		"knet":      {Name: "c", Nodes: two, Transport: "knet", RRPMode: "passive", Rings: twoRings, Token: 17000, FailRecvConst: 10, Cipher: "aes256", Hash: "sha256"},
		"plain":     {Name: "c", Nodes: two, Transport: "knet", Rings: twoRings, Cipher: "none", Hash: "none"},
		"udp":       {Name: "c", Nodes: one, Rings: oneRing, Token: 17000},
		"broadcast": {Name: "c", Nodes: one, Rings: []corosync.Interface{{BindNetAddr: "10.128.0.0", Broadcast: true, McastPort: 5407}}},
		"udpu":      {Name: "c", Nodes: one, Transport: "udpu", Rings: []corosync.Interface{{McastPort: 5407}}},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := PCS011.Setup(setup)
			require.NoError(t, err)
			file := filepath.Join(t.TempDir(), "corosync.conf")
			out, err := exec.CommandContext(context.Background(), "pcs", append(o.Argv[1:], "--corosync_conf="+file)...).CombinedOutput()
			require.NoError(t, err, "%s\n%s", o, out)
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			conf, err := corosync.Parse(bytes.NewReader(data))
			require.NoError(t, err)
			require.Empty(t, conf.Problems())
			totem, err := conf.Totem()
			require.NoError(t, err)
			require.Equal(t, setup.Name, totem.ClusterName)
			require.Equal(t, setup.Token, totem.Token)
			require.Equal(t, setup.FailRecvConst, totem.FailRecvConst)
			nodes, err := conf.NodeList()
			require.NoError(t, err)
			require.Len(t, nodes, len(setup.Nodes))
			for i, n := range setup.Nodes {
				for link, a := range n.Addresses {
					require.Equal(t, a, nodes[i].Addresses[link])
				}
			}
			for _, r := range setup.Rings {
				for _, i := range totem.Interfaces {
					if i.Ring == r.Ring {
						require.Equal(t, r.McastPort, i.McastPort)
						require.Equal(t, r.Broadcast, i.Broadcast)
					}
				}
			}
			require.True(t, conf.Releases().Fits(3))
		})
	}
	// What this package refuses beforehand, real pcs refuses as well.
	out, err := exec.CommandContext(context.Background(), "pcs", "cluster", "setup", "c", "n", "addr=10.0.0.1", "addr=10.1.0.1", "transport", "udp", "--corosync_conf="+filepath.Join(t.TempDir(), "c")).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "1 address must be specified")
}
