//go:build integration

package rebuild

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
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
func (o offline) try(op pcs.Operation) (int, string) {
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

func (o offline) do(ops ...pcs.Operation) {
	o.t.Helper()
	for _, op := range ops {
		code, out := o.try(op)
		require.Zero(o.t, code, "%s\n%s", op, out)
		require.NoError(o.t, op.Meaning().Judge(code, out))
	}
}

func (o offline) live() *pacemaker.CIB {
	o.t.Helper()
	f, err := os.Open(o.file)
	require.NoError(o.t, err)
	defer f.Close()
	cib, err := pacemaker.ParseCIB(f)
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
		cib   *pacemaker.CIB
		plain bool
	}{
		"IML's pair, ids kept":   {readCIB(t, imlCIB), false},
		"IML's pair, ids of pcs": {readCIB(t, imlCIB), true},
		"a wide cluster":         {parseCIB(t, wideCIB), false},
	} {
		t.Run(name, func(t *testing.T) {
			opts := guideOptions(t)
			opts.Dialect, opts.Knet, opts.ByXML, opts.PlainConstraints = pcs.V011, true, true, c.plain
			opts.Addresses = map[string][]string{opts.Node1: {"192.168.1.21", "10.42.42.21"}, opts.Node2: {"192.168.1.22", "10.42.42.22"}}
			plan, err := New(c.cib, readConf(t), opts)
			require.NoError(t, err)
			byCommands, byPush := newOffline(t), newOffline(t)
			ran := 0
			run := func(sections ...[]pcs.Operation) {
				for _, ops := range sections {
					ran += len(ops)
					byCommands.do(ops...)
				}
			}
			run(plan.Properties, plan.Defaults, plan.Maintenance, plan.Stonith, plan.Resources, plan.Constraints)
			push, err := plan.Push(byPush.live(), StagePrepared)
			require.NoError(t, err)
			byPush.do(push)
			ids := []pacemaker.DiffOption{pacemaker.ManagedIDs()}
			if c.plain {
				ids = nil
			}
			// A change by ids cannot remove a role: it says Started where the commands say nothing.
			said := pacemaker.Expectation{Name: "role said", Matches: func(d pacemaker.Difference) bool {
				return d.Field == "meta attribute target-role" && d.Old == "Started" && !d.InNew
			}}
			same := func() {
				t.Helper()
				require.Empty(t, sentences(pacemaker.Diff(byPush.live(), byCommands.live(),
					append(ids, pacemaker.Expect(pacemaker.ExpectStonithByPCS, said))...)))
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
			require.Empty(t, sentences(pacemaker.Diff(whole, byCommands.live(), append(ids, pacemaker.Expect(pacemaker.ExpectStonithByPCS))...)))
			t.Logf("%d commands", ran)

			// A push on the basis of a configuration that has changed since is refused, and told apart.
			code, out := byPush.try(push)
			require.ErrorIs(t, push.Meaning().Judge(code, out), pacemaker.ErrOutdated)
		})
	}
}

// The simple answers of real pcs 0.11 are read back by the parsers of its text.
func TestRealPCSTextReadsBack(t *testing.T) {
	o := newOffline(t)
	opts := guideOptions(t)
	opts.ByXML = true
	noTemplate := strings.Replace(wideCIB, `<primitive id="from" template="T"/>`, "", 1) // pcs 0.11.5 breaks down on a resource made from one
	plan, err := New(parseCIB(t, noTemplate), readConf(t), opts)
	require.NoError(t, err)
	push, err := plan.Push(o.live(), StageComplete)
	require.NoError(t, err)
	o.do(push)
	ask := func(op pcs.Operation) *strings.Reader {
		code, out := o.try(op)
		require.Zero(t, code, out)
		return strings.NewReader(out)
	}
	d := pcs.V011
	rs, err := pcs.ParseResources(ask(d.ShowResources("")))
	require.NoError(t, err)
	require.Len(t, rs, 5)
	c, err := pcs.ParseConstraints(ask(d.ShowConstraints("", true)))
	require.NoError(t, err)
	require.Len(t, c.Locations, 2)
	require.Len(t, c.Orders, 1)
	require.Len(t, c.Others, 2)
	p, err := pcs.ParseProperties(ask(d.ShowProperties("")))
	require.NoError(t, err)
	require.Equal(t, plainPairs(o.live().Properties()), plainPairs(p.Properties))
	_, err = pcs.ParseDefaults(ask(d.ShowDefaults("")))
	require.NoError(t, err)
	_, err = pcs.ParseResources(ask(d.ShowStonith("")))
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
		{"pcs", "status"}, {"pcs", "cluster", "status"}, {"pcs", "property", "set", "maintenance-mode=true"},
		{"crm_mon", "-1"}, {"crm_mon", "--output-as=xml"}, {"cibadmin", "--query"},
		{"crm_resource", "--refresh", "--resource", "a"}, {"crm_attribute", "--name", "a", "--query"},
		{"stonith_admin", "--history", "*"}, {"crm_verify", "-L"},
		{"corosync-cfgtool", "-s"}, {"corosync-quorumtool", "-s"}, {"crm_node", "-l"},
	} {
		out, err := exec.CommandContext(context.Background(), argv[0], argv[1:]...).CombinedOutput()
		require.Error(t, err)
		m, ok := pcs.MeaningOf(argv...)
		require.True(t, ok)
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit, "%v", argv)
		require.ErrorIs(t, m.Judge(exit.ExitCode(), string(out)), pacemaker.ErrClusterDown, "%v: exit status %d\n%s", argv, exit.ExitCode(), out)
	}
	o := newOffline(t)
	judge := func(op pcs.Operation) error {
		code, out := o.try(op)
		return op.Meaning().Judge(code, out)
	}
	plan, err := New(readCIB(t, imlCIB), readConf(t), guideOptions(t))
	require.NoError(t, err)
	push, err := plan.Push(o.live(), StagePrepared)
	require.NoError(t, err)
	o.do(push)
	location := plan.Constraints[0]
	require.ErrorIs(t, judge(location), pacemaker.ErrExists, "the push made it")
	location.Argv = append(location.Argv[:len(location.Argv)-1:len(location.Argv)-1],
		`<rsc_location id="x" rsc="nothing" node="n" score="1"/>`)
	require.ErrorIs(t, judge(location), pacemaker.ErrInvalid)
	require.ErrorIs(t, judge(pcs.V011.SetNodeAttributes("absent.x", []pacemaker.NVPair{{Name: "a", Value: "1"}})[0]),
		pacemaker.ErrAbsentNode, "H7")
	require.ErrorIs(t, judge(pcs.Operation{Argv: []string{"cibadmin", "--modify", "--scope", "constraints", "--xml-text",
		`<rsc_location id="none" rsc="MGS_32834e" node="n" score="1"/>`}}), pacemaker.ErrNotFound)
	require.ErrorIs(t, judge(pcs.Operation{Argv: []string{"crm_resource", "--resource", "none", "--locate"}}), pacemaker.ErrNotFound)
	require.ErrorIs(t, judge(pcs.Operation{Argv: []string{"pcs", "resource", "enable", "none"}}), pacemaker.ErrCommandFailed)
}

func sentences(ds []pacemaker.Difference) []string {
	var all []string
	for _, d := range ds {
		all = append(all, d.String())
	}
	return all
}

// plainPairs are names and values, sorted: text has no ids, and late releases sort.
func plainPairs(pairs []pacemaker.NVPair) []string {
	var all []string
	for _, p := range pairs {
		all = append(all, p.Name+"="+p.Value)
	}
	slices.Sort(all)
	return all
}
