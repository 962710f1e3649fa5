package pcs

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
)

func TestParseVersion(t *testing.T) {
	for text, want := range map[string]Version{
		"0.9.152\n":               {0, 9, 152},
		"0.11.5":                  {0, 11, 5},
		"0.12\n":                  {0, 12, 0},
		"0.10.18.1-bc2b\n":        {0, 10, 18},
		"0.12.0b1\r\n":            {0, 12, 0},
		"\x1b[0m0.9.169\x1b[0m\n": {0, 9, 169},
		"/usr/lib/python2.7/x.py:3: DeprecationWarning: old\n  import x\n0.9.148\n": {0, 9, 148},
		"0.11.5\nbooth cluster.create\n":                                            {0, 11, 5},
	} {
		got, err := ParseVersion(strings.NewReader(text))
		require.NoError(t, err, "%q", text)
		require.Equal(t, want, got, "%q", text)
	}
	for _, text := range []string{"", "pcs: command not found\n", "1\n", "0.9.x\n", "1.2.3.4.5 6\n", "9999999.1.1\n"} {
		_, err := ParseVersion(srcerr.Named("v", strings.NewReader(text)))
		var parseErr *pacemaker.ParseError
		require.ErrorAs(t, err, &parseErr, "%q", text)
		require.Contains(t, err.Error(), "v:1:1: ")
	}
	require.Equal(t, []string{"pcs", "--version"}, QueryVersion().Argv)
}

func FuzzParseVersion(f *testing.F) {
	f.Add("0.9.152\n")
	f.Fuzz(func(t *testing.T, text string) {
		v, err := ParseVersion(strings.NewReader(text))
		if err == nil {
			again, err := ParseVersion(strings.NewReader(v.String()))
			require.NoError(t, err)
			require.Equal(t, v, again)
		}
	})
}

// A release decides its generation by number, not by text; one of an unknown generation is refused, never guessed.
func TestDialectOf(t *testing.T) {
	for v, want := range map[Version]string{
		{0, 9, 90}: "pcs 0.9", {0, 9, 169}: "pcs 0.9", {0, 10, 1}: "pcs 0.10", {0, 11, 0}: "pcs 0.11", {0, 12, 3}: "pcs 0.12",
	} {
		d, err := DialectOf(v)
		require.NoError(t, err)
		require.Equal(t, want, d.Name())
		require.Equal(t, v, d.Version())
	}
	for _, v := range []Version{{0, 8, 1}, {0, 13, 0}, {1, 9, 0}, {}} {
		_, err := DialectOf(v)
		require.ErrorIs(t, err, ErrUnknownDialect, "%s", v)
	}
	require.Equal(t, V09.Name(), Dialect{}.Name())
	require.Equal(t, V09.Standby("n"), Dialect{}.Standby("n"))
	require.Negative(t, Version{0, 9, 169}.Compare(Version{0, 10, 1}))
}

var oneRing = []corosync.Interface{{BindNetAddr: "10.128.0.0", McastAddr: "226.94.0.1", McastPort: 40015}}

var twoRings = []corosync.Interface{
	{Ring: 1, BindNetAddr: "10.73.10.0", McastAddr: "226.94.1.1", McastPort: 40015},
	{Ring: 0, BindNetAddr: "10.128.0.0", McastAddr: "226.94.0.1", McastPort: 40015},
}

// everyOperation is one of each operation of a dialect.
func everyOperation(t testing.TB, d Dialect) []Operation {
	t.Helper()
	must := func(o Operation, err error) Operation {
		require.NoError(t, err)
		return o
	}
	target := pacemaker.Resource{
		Kind: pacemaker.Primitive, ID: "MGS", Class: "ocf", Provider: "chroma", Type: "Target",
		Instance: pacemaker.AttributeSets{{Pairs: []pacemaker.NVPair{{Name: "target", Value: "U"}}}},
		Operations: []pacemaker.Op{{Name: "start", Interval: "0", Timeout: "300"},
			{Name: "stop", Interval: "0", Timeout: "300"}, {Name: "monitor", Interval: "5", Timeout: "60"}},
	}
	ops := []Operation{
		QueryVersion(), QueryCIB(),
		d.Auth("n1.x", "n2.x"),
		must(d.Setup(corosync.Setup{Name: "c", Nodes: []corosync.Member{{Name: "n1.x"}}, RRPMode: "passive", Rings: oneRing,
			Token: 17000, FailRecvConst: 10})),
		d.ClusterStart(""), d.ClusterStart("n1.x"), d.ClusterStop(""), d.ClusterEnable(""), d.ClusterDisable("n1.x"), d.ClusterDestroy(),
		d.NodeAdd(corosync.Member{Name: "n2.x", Addresses: []string{"10.128.0.22"}}, true), d.NodeRemove("n2.x"),
		d.Standby("n1.x"), d.Standby(""), d.Unstandby("n1.x"),
		d.SetProperty(pacemaker.NVPair{Name: "no-quorum-policy", Value: "ignore"}),
		d.SetProperty(pacemaker.NVPair{Name: "site-mark", Value: "a=b"}),
		d.Maintenance(true), d.Maintenance(false),
		d.SetResourceDefault(pacemaker.NVPair{Name: "resource-stickiness", Value: "1000"}),
		d.SetOperationDefault(pacemaker.NVPair{Name: "timeout", Value: "30s"}),
		d.CreateStonith(pacemaker.Resource{Kind: pacemaker.Primitive, ID: "st-fencing", Class: "stonith",
			Type: "fence_chroma"}), d.CreateResource(target, true),
		d.CreateResource(pacemaker.Resource{Kind: pacemaker.Primitive, ID: "web", Class: "systemd", Type: "nginx",
			Operations: []pacemaker.Op{{Name: "monitor", Interval: "10s"}}}, false),
		d.PreferNode("MGS", "n1.x", 20, false), d.PreferNode("MGS", "n2.x", 10, true),
		d.EnableResource("MGS"), d.DisableResource("MGS"), d.RelocateShow(), d.RelocateRun(), d.RelocateClear(),
		d.ShowResources("cib.xml"), d.ShowStonith(""), d.ShowConstraints("cib.xml", false), d.ShowConstraints("", true),
		d.ShowProperties("cib.xml"), d.ShowNodeAttributes(""), d.ShowDefaults(""), d.ShowRows(""),
	}
	return append(ops, d.SetNodeAttributes("n1.x",
		[]pacemaker.NVPair{{Name: "0_fence_login", Value: "root"}, {Name: "0_fence_note", Value: ""},
			{Name: "0_fence_agent", Value: "fence_virsh"}})...)
}

// PCM-013, PCM-015, PCM-019, PCM-021, PCM-022, PCM-024, PCM-025, PCM-027, PCM-030, PCM-031, PCM-033, PCM-035, PCM-036,
// PCM-037, PCM-040, PCM-041, PCM-042, PCM-044, PCM-061: every typed operation in every generation, word by word.
func TestDialects(t *testing.T) {
	var b strings.Builder
	for _, d := range []Dialect{V09, V010, V011, V012} {
		fmt.Fprintf(&b, "# %s\n", d.Name())
		for _, o := range everyOperation(t, d) {
			require.NotEqual(t, op.EffectUnset, o.Effect, "%s", o)
			require.NotEqual(t, op.RepeatUnset, o.Repeat, "%s", o)
			require.NotEmpty(t, o.Name)
			fmt.Fprintln(&b, o)
		}
	}
	golden.Check(t, "dialects.golden", b.String())
}

// Inside a generation, a command changes with the release that changed it.
func TestReleasesInsideAGeneration(t *testing.T) {
	at := func(minor, patch int) Dialect {
		d, err := DialectOf(Version{0, minor, patch})
		require.NoError(t, err)
		return d
	}
	stickiness := pacemaker.NVPair{Name: "resource-stickiness", Value: "1"}
	require.Equal(t, "pcs resource defaults resource-stickiness=1", at(10, 6).SetResourceDefault(stickiness).String())
	require.Equal(t, "pcs resource defaults update resource-stickiness=1", at(10, 7).SetResourceDefault(stickiness).String())
	require.Equal(t, "pcs resource op defaults resource-stickiness=1", at(10, 6).SetOperationDefault(stickiness).String())
	require.Equal(t, "pcs property show", at(10, 8).ShowProperties("").String())
	require.Equal(t, "pcs property config", at(10, 9).ShowProperties("").String())
	require.Equal(t, "pcs constraint show", at(10, 8).ShowConstraints("", false).String())
	require.Equal(t, "pcs property set site-mark=1", at(11, 3).SetProperty(pacemaker.NVPair{Name: "site-mark", Value: "1"}).String())
	require.Equal(t, "pcs property set site-mark=1 --force", at(11, 4).SetProperty(pacemaker.NVPair{Name: "site-mark", Value: "1"}).String())
	require.Equal(t, "pcs property set stonith-enabled=true", at(11, 4).
		SetProperty(pacemaker.NVPair{Name: "stonith-enabled", Value: "true"}).String())
}

// H15 and what else is known to be refused is said before anything runs, with what to do instead.
func TestKnownRefusals(t *testing.T) {
	node := []corosync.Member{{Name: "n1.x", Addresses: []string{"10.128.0.21", "10.73.10.1"}}}
	for name, c := range map[string]struct {
		d     Dialect
		setup corosync.Setup
		want  string
	}{
		"two rings on udp": {V011,
			corosync.Setup{Nodes: []corosync.Member{{Name: "n"}}, Transport: "udp", Rings: twoRings}, "(H15); move to knet"},
		"two rings on udpu":  {V010, corosync.Setup{Nodes: node, Transport: "udpu", Rings: twoRings}, "(H15); move to knet"},
		"knet on corosync 2": {V09, corosync.Setup{Nodes: node, Transport: "knet", Rings: twoRings}, "has no knet"},
		"three rings": {V09,
			corosync.Setup{Nodes: node, Rings: append(slices.Clone(twoRings), corosync.Interface{Ring: 2})}, "at most two rings"},
		"active rings": {V09, corosync.Setup{Nodes: node, Rings: twoRings, RRPMode: "active"}, "--force only"},
		"nine links":   {V012, corosync.Setup{Transport: "knet", Rings: make([]corosync.Interface, 9)}, "at most 8 links"},
		"a link has no address": {V011,
			corosync.Setup{Nodes: []corosync.Member{{Name: "n", Addresses: []string{"10.0.0.1"}}}, Transport: "knet",
				Rings: twoRings}, "1 addresses for 2 links"},
		"no address at all": {V011,
			corosync.Setup{Nodes: []corosync.Member{{Name: "n"}}, Transport: "knet", Rings: twoRings}, "0 addresses for 2 links"},
		"encryption on udp": {V011,
			corosync.Setup{Nodes: []corosync.Member{{Name: "n"}}, Rings: oneRing, Cipher: "aes256"}, "does not encrypt"},
		"another transport": {V09, corosync.Setup{Transport: "iba"}, "transport iba"},
		"broadcast on a port": {V09,
			corosync.Setup{Nodes: node, Rings: []corosync.Interface{{BindNetAddr: "10.0.0.0", Broadcast: true,
				McastPort: 4001}}}, "broadcast on port 4001"},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := c.d.Setup(c.setup)
			require.ErrorIs(t, err, pacemaker.ErrUnsupported)
			require.ErrorContains(t, err, c.want)
			require.Empty(t, o.Argv, "there is no command to run by mistake")
		})
	}
}

// The forms of `cluster setup` that real pcs 0.11.5 took and refused, and the other transports.
func TestSetupForms(t *testing.T) {
	node := []corosync.Member{{Name: "ct6-mds1.lfs.intl", Addresses: []string{"10.128.0.21"}}}
	two := []corosync.Member{{Name: "ct6-mds1.lfs.intl", Addresses: []string{"10.128.0.21", "10.73.10.1"}}}
	for _, c := range []struct {
		d     Dialect
		setup corosync.Setup
		want  string
	}{
		{V011, corosync.Setup{Name: "lustre-ha-cluster", Nodes: node, Rings: oneRing, Token: 17000, FailRecvConst: 10},
			"pcs cluster setup lustre-ha-cluster ct6-mds1.lfs.intl addr=10.128.0.21 transport udp link bindnetaddr=10.128.0.0 " +
				"mcastaddr=226.94.0.1 mcastport=40015 totem token=17000 fail_recv_const=10"},
		{V011, corosync.Setup{Name: "lustre-ha-cluster", Nodes: two, Transport: "knet", RRPMode: "passive", Rings: twoRings, Token: 17000},
			"pcs cluster setup lustre-ha-cluster ct6-mds1.lfs.intl addr=10.128.0.21 addr=10.73.10.1 transport knet " +
				"link_mode=passive link linknumber=0 mcastport=40015 link linknumber=1 mcastport=40015 totem token=17000"},
		{V012, corosync.Setup{Name: "c", Nodes: node, Transport: "knet", Rings: []corosync.Interface{{}}, Cipher: "none", Hash: "none"},
			"pcs cluster setup c ct6-mds1.lfs.intl addr=10.128.0.21 transport knet crypto cipher=none hash=none"},
		{V010, corosync.Setup{Name: "c", Nodes: node, Transport: "udpu",
			Rings: []corosync.Interface{{McastPort: 5407, BindNetAddr: "10.128.0.0"}}},
			"pcs cluster setup c ct6-mds1.lfs.intl addr=10.128.0.21 transport udpu link mcastport=5407"},
		{V010, corosync.Setup{Name: "c", Nodes: node, Transport: "udpu", Rings: []corosync.Interface{{}}},
			"pcs cluster setup c ct6-mds1.lfs.intl addr=10.128.0.21 transport udpu"},
		{V010, corosync.Setup{Name: "c", Nodes: node, Rings: []corosync.Interface{{BindNetAddr: "10.128.0.0", Broadcast: true, TTL: 2}}},
			"pcs cluster setup c ct6-mds1.lfs.intl addr=10.128.0.21 transport udp link bindnetaddr=10.128.0.0 broadcast=1 ttl=2"},
		{V09, corosync.Setup{Name: "c", Nodes: two, Transport: "udpu", RRPMode: "passive", Rings: twoRings},
			"pcs cluster setup --name c ct6-mds1.lfs.intl,10.73.10.1 --transport udpu --rrpmode passive"},
		{V09, corosync.Setup{Name: "c", Nodes: node, Rings: []corosync.Interface{{BindNetAddr: "10.128.0.0", Broadcast: true}}},
			"pcs cluster setup --name c ct6-mds1.lfs.intl --transport udp --addr0 10.128.0.0 --broadcast0"},
		{V09, corosync.Setup{Name: "c", Nodes: node,
			Rings: []corosync.Interface{{BindNetAddr: "10.128.0.0", McastAddr: "226.0.0.1", McastPort: 5405, TTL: 3}}},
			"pcs cluster setup --name c ct6-mds1.lfs.intl --transport udp --addr0 10.128.0.0 --mcast0 226.0.0.1 --mcastport0 5405 --ttl0 3"},
	} {
		o, err := c.d.Setup(c.setup)
		require.NoError(t, err)
		require.Equal(t, c.want, o.String())
	}
}

// The commands that real pcs 0.11.5 was given stand in its record word by word, and so do its refusals (H15).
func TestCorpusSetupAttempts(t *testing.T) {
	data, err := os.ReadFile(golden.Corpus(t, "pcs", "0.11.5", "cluster-setup-attempts.txt"))
	require.NoError(t, err)
	var took, refused []string
	for attempt := range strings.SplitSeq(string(data), "$ ") {
		command, answer, _ := strings.Cut(attempt, "\n")
		command, _, _ = strings.Cut(command, " --corosync_conf")
		switch {
		case command == "":
		case strings.Contains(answer, "Error:"):
			refused = append(refused, command)
		default:
			took = append(took, command)
		}
	}
	require.Len(t, took, 2)
	require.Len(t, refused, 2)
	one := []corosync.Member{{Name: "ct6-mds1.lfs.intl", Addresses: []string{"10.128.0.21"}}}
	two := []corosync.Member{{Name: "ct6-mds1.lfs.intl", Addresses: []string{"10.128.0.21", "10.73.10.1"}}}
	o, err := V011.Setup(corosync.Setup{Name: "lustre-ha-cluster", Nodes: one, Rings: oneRing, Token: 17000, FailRecvConst: 10})
	require.NoError(t, err)
	require.Equal(t, took[0], o.String())
	o, err = V011.Setup(corosync.Setup{Name: "lustre-ha-cluster", Nodes: two, Transport: "knet", RRPMode: "passive",
		Rings: twoRings, Token: 17000})
	require.NoError(t, err)
	require.Equal(t, took[1], o.String())
	_, err = V011.Setup(corosync.Setup{Name: "lustre-ha-cluster", Nodes: two, Transport: "udp", Rings: twoRings, Token: 17000})
	require.ErrorContains(t, err, "H15", "real pcs refused: %s", refused[0])
}

// PCM-058, PCM-060: the export is one command with one form, no pipe; it is gone from pcs 0.11 on.
func TestExportIsOneCommand(t *testing.T) {
	for _, form := range []ExportForm{ExportCommands, ExportCommandsVerbose} {
		o, err := V09.Export(form)
		require.NoError(t, err)
		require.Equal(t, []string{"pcs", "config", "export", string(form)}, o.Argv)
		require.NotContains(t, o.String(), "|")
		require.Equal(t, op.ReadOnly, o.Effect)
		_, err = V011.Export(form)
		require.ErrorIs(t, err, pacemaker.ErrUnsupported)
	}
	_, err := V09.Export("pcs-commands | pcs-commands-verbose")
	require.ErrorIs(t, err, pacemaker.ErrUnsupported)
}

// H15: pcs 0.10 and later make the links of a plan for knet.
func TestSetupOfAKnetPlan(t *testing.T) {
	plan, err := readConf(t).PlanKnet(corosync.KnetOptions{
		ClusterName: "lustre-ha-cluster", Token: 17000,
		Nodes: []corosync.Member{
			{Name: "ct6-mds1.lfs.intl", Addresses: []string{"192.168.1.21", "10.42.42.21"}},
			{Name: "ct6-mds2.lfs.intl", Addresses: []string{"192.168.1.22", "10.42.42.22"}},
		},
	})
	require.NoError(t, err)
	o, err := V011.Setup(plan.Setup)
	require.NoError(t, err)
	require.Equal(t, "pcs cluster setup lustre-ha-cluster ct6-mds1.lfs.intl addr=192.168.1.21 addr=10.42.42.21 "+
		"ct6-mds2.lfs.intl addr=192.168.1.22 addr=10.42.42.22 "+
		"transport knet link_mode=active link linknumber=0 mcastport=4242 link linknumber=1 mcastport=4242 crypto "+
		"cipher=aes256 hash=sha256 totem token=17000", o.String())
}
