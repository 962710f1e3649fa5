package maintenance_test

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/maintenance"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// site2CSV is the Hosts.csv of a small second site.
const site2CSV = `Hypervisor Name,Guest Name,Role,Alias,Datastore,Networks -->,Internal,Management,
esxi-host-7,lb01,lb01,lb01,datastore3,,192.168.106.13,10.197.99.61,
esxi-host-8,lb02,lb02,lb02,datastore4,,192.168.106.14,10.197.99.62,
esxi-host-7,qns01,qps,qns01,datastore3,,192.168.106.17,,
`

const arbiter = "arbiter-site3"

// keyed is a cluster whose machines log in to each other by the default keys; with gr it has a second site and an arbiter.
func keyed(t testing.TB, gr bool, opts cpstest.KeyOptions) simulated {
	t.Helper()
	if gr {
		opts.Site2, opts.Arbiter = site2CSV, arbiter
	}
	return deploy(t, cpstest.Options{Keys: &opts})
}

// changing is the runbook for such a cluster.
func changing(t testing.TB, gr bool, cfg maintenance.KeysConfig) *evenkeel.Runbook {
	t.Helper()
	cfg.OwnKey = cmp.Or(cfg.OwnKey, cpstest.OwnKey())
	var second *cps.Hosts
	if gr {
		var err error
		second, err = cps.ParseHosts(strings.NewReader(site2CSV))
		require.NoError(t, err)
		cfg.Site2.ClusterManager, cfg.Arbiter.Host = "site2-cluman", arbiter
	}
	rb, err := maintenance.ChangeKeys(cfg, hosts(t), second)
	require.NoError(t, err)
	return rb
}

var sites = map[string]bool{"keys": false, "keys-gr": true}

// changed wants every machine to have the new keys, the same everywhere, and no old one to lie anywhere.
func changed(t *testing.T, w simulated) {
	t.Helper()
	state := w.KeyState()
	require.NotContains(t, state, "old", "an old key is left")
	require.NotContains(t, state, "false", "a key that opens nothing")
	require.NotContains(t, state, "new keys of", "two sets")
	for line := range strings.Lines(state) {
		if strings.HasPrefix(line, "  ") {
			require.Contains(t, line, " -rw------- ", "others can read it")
		}
	}
	require.NoError(t, w.Check())
}

// TestKeys (CPS-028, CPS-086, CPS-087, CPS-088, CPS-182, CPS-213): the keys are other ones everywhere, in a cluster, and
// in two of them with an arbiter; by the engine and by hand.
func TestKeys(t *testing.T) {
	for name, gr := range sites {
		t.Run(name, func(t *testing.T) {
			w, rb := keyed(t, gr, cpstest.KeyOptions{}), changing(t, gr, maintenance.KeysConfig{})
			byHand := w.Clone().(simulated)
			journal := &evenkeel.MemJournal{}
			_, err := evenkeel.Run(t.Context(), rb, w, options(w, journal))
			require.NoError(t, err)
			changed(t, w)
			followedByHand(t, rb, name, byHand, false)
			changed(t, byHand)
			require.Equal(t, w.Hash(), byHand.Hash())
		})
	}
}

// TestKeysRehearsed (CPS-213): the tool crashes, loses a connection, is asked to stop or rolls back, at every point.
func TestKeysRehearsed(t *testing.T) {
	for name, gr := range sites {
		t.Run(name, func(t *testing.T) {
			plan := evenkeel.RehearsalPlan{Operator: func(evenkeel.World) evenkeel.Operator { return confirming{} }, Every: 11}
			if testing.Short() {
				plan.Every = 61
			}
			report, err := evenkeel.Rehearse(t.Context(), changing(t, gr, maintenance.KeysConfig{}), keyed(t, gr, cpstest.KeyOptions{}), plan)
			require.NoError(t, err)
			require.Greater(t, report.Schedules, 10)
			for _, f := range report.Failures {
				t.Error(f)
			}
		})
	}
}

// TestKeysAreLiedTo (CPS-086, CPS-087, CPS-088, CPS-213): a program says that it has done its work, and has not, or has
// done something else; the run stops at the check that looks for it.
func TestKeysAreLiedTo(t *testing.T) {
	const update, saved = "manage_sshkey.sh --update", "/var/qps/auth/evenkeel-before"
	then := func(command string, deeds ...string) *cpstest.Lie { return &cpstest.Lie{Command: command, Then: deeds} }
	idle := func(command, host string) *cpstest.Lie { return &cpstest.Lie{Command: command, Host: host, Idle: true} }
	stillTaken := func(user, host string) *cpstest.Lie {
		says := func(truth string) string { return strings.Replace(truth, host+" 255", host+" 0", 1) }
		return &cpstest.Lie{Command: "sh -c key=* sh " + saved + "/" + user + "/id_rsa " + user + " *" + host + "*", Says: says}
	}
	for stops, tc := range map[string]struct {
		gr   bool
		opts cpstest.KeyOptions
		lie  *cpstest.Lie
	}{
		"hosts.sh lists lb01 lb02": {lie: &cpstest.Lie{Command: "hosts.sh", Says: func(truth string) string { return truth + "qns09\n" }}},
		"did not check HAProxy":    {lie: &cpstest.Lie{Command: "diagnostics.sh", Says: withoutHAProxy}},

		"step save, action site1-mode":       {lie: then("chmod *", "cluman chmod 644 "+saved+"/qns/id_rsa")},
		"step save, action site1-saved":      {lie: then("chmod *", "cluman cp "+saved+"/qns/id_rsa.pub "+saved+"/root/id_rsa.pub")},
		"step save, action site1-opens-root": {lie: then("chmod *", "cluman cp -p "+saved+"/qns/id_rsa "+saved+"/root/id_rsa")},
		"step save, action site1-opens-qns":  {lie: then("chmod *", "cluman cp -p "+saved+"/root/id_rsa "+saved+"/qns/id_rsa")},

		"--create left no new keys": {opts: cpstest.KeyOptions{CreatesNothing: true}},
		"step create, action note":  {lie: idle("manage_sshkey.sh --create", "")},
		"step create, action differ": {lie: then("manage_sshkey.sh --create",
			"cluman cp -rpT /var/qps/auth/current/qns /var/qps/auth/temp/qns")},

		"step update, action in-force": {lie: idle(update, "")},
		"step update, action current": {lie: then(update,
			"cluman cp /root/.ssh/id_rsa.pub /var/qps/auth/current/qns/id_rsa.pub")},
		"as root these fail: every login to qns03":      {opts: cpstest.KeyOptions{LeavesBehind: "qns03"}},
		"step update, action reach-root":                {lie: then(update, "lb02 rm /root/.ssh/id_rsa")},
		"action reach-qns on cluman: as qns these fail": {lie: then(update, "lb01 rm /home/qns/.ssh/id_rsa")},
		"step finish, action site1-health":              {lie: then(update, "lb02 systemctl stop qns")},
		"step update, action opens-root":                {lie: then(update, "cluman rm /var/qps/auth/current/root/id_rsa")},
		"step update, action opens-qns":                 {lie: then(update, "cluman rm /var/qps/auth/current/qns/id_rsa")},
		"old key of root must":                          {opts: cpstest.KeyOptions{KeepsOld: true}},
		"otherwise at: lb02 (exit status 0)":            {lie: stillTaken("root", "lb02")},
		"old key of qns must":                           {lie: stillTaken("qns", "qns04")},
		"authorized_keys of cluman does":                {opts: cpstest.KeyOptions{DropsOthers: true}},
		"authorized_keys of qns02 does": {lie: &cpstest.Lie{Command: "ssh-keygen -lf *", Host: "qns02", Says: func(truth string) string {
			return strings.Replace(truth, cpstest.OwnKey(), "SHA256:x", 1)
		}}},

		"step bundle, action whole":               {gr: true, lie: idle("tar -cf *", "")},
		"step bundle, action size":                {gr: true, lie: then("tar -cf *", "cluman chmod 640 /var/qps/auth/current_ssh_keys.tar")},
		"it was not copied whole":                 {gr: true, opts: cpstest.KeyOptions{CutsTransfers: true}},
		"step site2, action copied":               {gr: true, lie: idle("scp *", "")},
		"step site2, action unpacked":             {gr: true, lie: idle("tar -xf *", "site2-cluman")},
		"step site2, action in-force":             {gr: true, lie: idle(update, "site2-cluman")},
		"as root these fail: every login to lb02": {gr: true, opts: cpstest.KeyOptions{LeavesBehind: "site2-lb02"}},
		"step arbiter, action copied":             {gr: true, lie: idle("scp * root@arbiter-site3:*", "")},
		"step arbiter, action unpacked":           {gr: true, lie: idle("tar -xf *", arbiter)},
		"step arbiter, action reinit":             {gr: true, lie: idle("build_puppet.sh", "")},
		"step arbiter, action in-force":           {gr: true, lie: idle("reinit.sh", "")},
		"step arbiter, action opens-root":         {gr: true, lie: then("reinit.sh", arbiter+" rm /root/.ssh/authorized_keys")},
		"step arbiter, action opens-qns":          {gr: true, lie: then("reinit.sh", arbiter+" rm /home/qns/.ssh/authorized_keys")},
		"step finish, action site1-gone-e":        {lie: idle("rm -rf "+saved, "")},
		"action site2-gone-current_ssh": {gr: true, lie: &cpstest.Lie{Command: "rm -rf " + saved + " *", Host: "site2-cluman",
			Idle: true, Then: []string{"site2-cluman rm -rf " + saved}}},
	} {
		t.Run(stops, func(t *testing.T) {
			w := keyed(t, tc.gr, tc.opts)
			if tc.lie != nil {
				require.NoError(t, w.Lie(*tc.lie))
			}
			_, err := evenkeel.Run(t.Context(), changing(t, tc.gr, maintenance.KeysConfig{}), w, options(w, &evenkeel.MemJournal{}))
			require.ErrorContains(t, err, stops)
			require.NoError(t, w.Check())
		})
	}
}

// TestNoKeyIsChangedWhereItCannotBe (CPS-182): what must be so before the keys are changed stops the run before its first
// change.
func TestNoKeyIsChangedWhereItCannotBe(t *testing.T) {
	type spoiler func(t *testing.T, w simulated)
	runs := func(host string, argv ...string) spoiler {
		return func(t *testing.T, w simulated) { t.Helper(); on(t, w, host, argv...) }
	}
	down := func(host string) spoiler {
		return func(t *testing.T, w simulated) { t.Helper(); require.NoError(t, w.Power(host, false)) }
	}
	for want, tc := range map[string]struct {
		gr    bool
		opts  cpstest.KeyOptions
		cfg   maintenance.KeysConfig
		spoil spoiler
	}{
		"set root_keys and qns_keys":               {cfg: maintenance.KeysConfig{RootKeys: "/var/qps/auth/default/root"}},
		"step preflight, action site1-health":      {spoil: down("qns03")},
		"action site1-free":                        {spoil: runs("cluman", "mkdir", "/var/qps/auth/evenkeel-before")},
		"action site1-in-force":                    {spoil: runs("cluman", "cp", "/root/.ssh/id_rsa.pub", "/home/qns/.ssh/id_rsa.pub")},
		"as root these fail: every login to qns03": {spoil: runs("qns03", "rm", "/root/.ssh/authorized_keys")},
		"as qns these fail: every login from lb01": {spoil: runs("lb01", "rm", "/home/qns/.ssh/id_rsa")},
		"authorized_keys of qns02 does not list":   {spoil: runs("qns02", "cp", "/root/.ssh/id_rsa.pub", "/root/.ssh/authorized_keys")},
		"it would be cut off":                      {cfg: maintenance.KeysConfig{OwnKey: clusterKey(t)}},
		"step preflight, action site2-way":         {gr: true, opts: cpstest.KeyOptions{Strangers: true}},
		"step preflight, action site2-health":      {gr: true, spoil: down("site2-qns01")},
		"action site2-reach-qns":                   {gr: true, spoil: runs("site2-lb01", "rm", "/home/qns/.ssh/id_rsa")},
		"step preflight, action arbiter-way":       {gr: true, spoil: runs(arbiter, "rm", "/root/.ssh/authorized_keys")},
		"step preflight, action arbiter-in-fo":     {gr: true, spoil: runs(arbiter, "cp", "/root/.ssh/id_rsa.pub", "/home/qns/.ssh/id_rsa.pub")},
	} {
		t.Run(want, func(t *testing.T) {
			w := keyed(t, tc.gr, tc.opts)
			if tc.spoil != nil {
				tc.spoil(t, w)
			}
			before := w.KeyState()
			report, err := evenkeel.Run(t.Context(), changing(t, tc.gr, tc.cfg), w, options(w, &evenkeel.MemJournal{}))
			require.ErrorContains(t, err, want)
			require.False(t, report.State.Changed)
			require.Equal(t, before, w.KeyState())
		})
	}
}

// clusterKey is the fingerprint of the key by which root of the simulated cluster logs in.
func clusterKey(t *testing.T) string {
	t.Helper()
	r, err := keyed(t, false, cpstest.KeyOptions{}).Runner("cluman")
	require.NoError(t, err)
	res, err := r.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "ssh-keygen", "-lf", "/root/.ssh/id_rsa.pub"))
	require.NoError(t, err)
	return strings.Fields(string(res.Stdout))[1]
}

// TestKeysComeBack (CPS-213): where a machine was left behind, on either site, a rollback brings the old keys back to all.
func TestKeysComeBack(t *testing.T) {
	for _, behind := range []string{"qns03", "site2-lb02"} {
		t.Run(behind, func(t *testing.T) {
			w, rb := keyed(t, true, cpstest.KeyOptions{LeavesBehind: behind}), changing(t, true, maintenance.KeysConfig{})
			journal := &evenkeel.MemJournal{}
			before := w.Hash()
			_, err := evenkeel.Run(t.Context(), rb, w, options(w, journal))
			require.ErrorContains(t, err, "as root these fail: every login to "+strings.TrimPrefix(behind, "site2-"))
			require.NotEqual(t, before, w.Hash())
			_, err = evenkeel.Rollback(t.Context(), rb, w, options(w, journal))
			require.NoError(t, err)
			require.Equal(t, before, w.Hash())
		})
	}
}

// TestNewKeysAreForgotten (CPS-086): an --update that broke off halfway leaves VMs that take the new key alone; a rollback brings
// the old ones back to them. Keys that were made and did not come into force are deleted by a rollback; what an earlier change
// left is not taken for new ones.
func TestNewKeysAreForgotten(t *testing.T) {
	w, rb, journal := keyed(t, false, cpstest.KeyOptions{}), changing(t, false, maintenance.KeysConfig{}), &evenkeel.MemJournal{}
	before := w.KeyState()
	require.NoError(t, w.Lie(cpstest.Lie{Command: "manage_sshkey.sh --create", Then: []string{"world power-off lb02"}}))
	_, err := evenkeel.Run(t.Context(), rb, w, options(w, journal))
	require.ErrorContains(t, err, "step update, action update")
	require.NoError(t, w.Power("lb02", true))
	require.NoError(t, w.Sleep(t.Context(), time.Hour))
	require.Contains(t, w.KeyState(), "/var/qps/auth/temp/root/id_rsa")
	require.Contains(t, w.KeyState(), "lb01: root new")
	require.Contains(t, w.KeyState(), "cluman: root old")
	_, err = evenkeel.Rollback(t.Context(), rb, w, options(w, journal))
	require.NoError(t, err)
	require.Equal(t, before, w.KeyState())

	w, journal = keyed(t, false, cpstest.KeyOptions{}), &evenkeel.MemJournal{}
	half := "cluman cp -rpT /var/qps/auth/current/qns /var/qps/auth/temp/qns"
	require.NoError(t, w.Lie(cpstest.Lie{Command: "manage_sshkey.sh --create", Then: []string{half}}))
	_, err = evenkeel.Run(t.Context(), rb, w, options(w, journal))
	require.ErrorContains(t, err, "step create, action differ")
	require.Contains(t, w.KeyState(), "/var/qps/auth/temp/root/id_rsa")
	_, err = evenkeel.Rollback(t.Context(), rb, w, options(w, journal))
	require.NoError(t, err)
	require.Equal(t, before, w.KeyState())

	w = keyed(t, false, cpstest.KeyOptions{})
	on(t, w, "cluman", "manage_sshkey.sh", "--create")
	require.NoError(t, w.Lie(cpstest.Lie{Command: "manage_sshkey.sh --create", Idle: true}))
	_, err = evenkeel.Run(t.Context(), rb, w, options(w, &evenkeel.MemJournal{}))
	require.ErrorContains(t, err, "--create left no new keys")
}

// TestTheWayBackIsLiedTo (CPS-213): a rollback ends only where the old keys are seen to be in force.
func TestTheWayBackIsLiedTo(t *testing.T) {
	for stops, lie := range map[string]cpstest.Lie{
		"step undo-update, action in-force": {Command: "manage_sshkey.sh --update", Idle: true},
		"step undo-site2, action in-force":  {Command: "manage_sshkey.sh --update", Host: "site2-cluman", Idle: true},
		"action current": {Command: "manage_sshkey.sh --update",
			Then: []string{"cluman rm /var/qps/auth/current/qns/id_rsa.pub"}},
		"as root these fail: every login fro": {Command: "manage_sshkey.sh --update", Then: []string{"lb02 rm /root/.ssh/id_rsa"}},
		"as qns these fail: every login to":   {Command: "manage_sshkey.sh --update", Then: []string{"lb02 rm /home/qns/.ssh/authorized_keys"}},
		"authorized_keys of lb01 does not":    {Command: "ssh-keygen -lf *", Host: "lb01", Says: func(string) string { return "" }},
	} {
		t.Run(stops, func(t *testing.T) {
			behind, gr := "qns03", lie.Host == "site2-cluman"
			if gr {
				behind = "site2-lb02"
			}
			w, rb := keyed(t, gr, cpstest.KeyOptions{LeavesBehind: behind}), changing(t, gr, maintenance.KeysConfig{})
			journal := &evenkeel.MemJournal{}
			_, err := evenkeel.Run(t.Context(), rb, w, options(w, journal))
			require.ErrorContains(t, err, "every login to "+strings.TrimPrefix(behind, "site2-"))
			require.NoError(t, w.Lie(lie))
			_, err = evenkeel.Rollback(t.Context(), rb, w, options(w, journal))
			require.ErrorContains(t, err, stops)
		})
	}
}

// TestLongKeyCommands: what takes long, or changes other machines, runs as a job, under the leases of all.
func TestLongKeyCommands(t *testing.T) {
	var wide, detached []string
	for _, s := range changing(t, true, maintenance.KeysConfig{}).Steps {
		for _, a := range slices.Concat(s.Actions, s.Undo) {
			if a.Cmd.Wide {
				wide = append(wide, s.ID+"/"+a.ID)
			}
			if a.Detached {
				detached = append(detached, s.ID+"/"+a.ID)
			}
		}
	}
	want := []string{"create/create", "update/update", "update/enforce", "site2/enforce", "site2/enforce", "arbiter/build", "arbiter/reinit",
		"arbiter/build", "arbiter/reinit"}
	require.Equal(t, want, detached)
	require.ElementsMatch(t, append(want, "site2/copy", "arbiter/copy", "update/admit", "site2/admit"), wide)
}

// TestNoPrivateKeyIsRead (CPS-213): no command prints a private key, none has one in its arguments or its input, and the
// journal has none.
func TestNoPrivateKeyIsRead(t *testing.T) {
	w := keyed(t, true, cpstest.KeyOptions{})
	outputs := 0
	w.Hooks(func(_ string, c sshexec.Cmd) {
		require.NotContains(t, strings.Join(c.Argv, " ")+c.Stdin.PlainText(), "private key")
	}, func(_ string, c sshexec.Cmd, res sshexec.Result) {
		outputs += len(res.Stdout)
		require.NotContains(t, string(res.Stdout)+string(res.Stderr), "private key", "%v", c.Argv)
	})
	journal := &evenkeel.MemJournal{}
	_, err := evenkeel.Run(t.Context(), changing(t, true, maintenance.KeysConfig{}), w, options(w, journal))
	require.NoError(t, err)
	require.NotZero(t, outputs)
	text, err := json.Marshal(journal.Records())
	require.NoError(t, err)
	require.Contains(t, string(text), "keys.new")
	require.NotContains(t, string(text), "private key")
}

// TestWithoutAKeyOfItsOwn: where evenkeel has another way in, the operator confirms that it still works, on each site.
func TestWithoutAKeyOfItsOwn(t *testing.T) {
	rb, err := maintenance.ChangeKeys(maintenance.KeysConfig{Arbiter: maintenance.KeyMachine{Host: arbiter}}, hosts(t), nil)
	require.NoError(t, err)
	w := deploy(t, cpstest.Options{Keys: &cpstest.KeyOptions{Arbiter: arbiter}})
	var prompts noting
	opts := options(w, &evenkeel.MemJournal{})
	opts.Operator = &prompts
	_, err = evenkeel.Run(t.Context(), rb, w, opts)
	require.NoError(t, err)
	require.Equal(t, noting{"preflight/alarms", "update/own", "arbiter/own", "finish/confirm"}, prompts)
}

// noting is an operator who confirms everything, and notes the prompts.
type noting []string

func (n *noting) Prompt(_ context.Context, ask evenkeel.Prompt) (string, error) {
	*n = append(*n, ask.Step.ID+"/"+ask.Action.ID)
	return "so it is", nil
}

// TestKeysCannotBePlanned: every mistake in the configuration is named.
func TestKeysCannotBePlanned(t *testing.T) {
	second, err := cps.ParseHosts(strings.NewReader(site2CSV))
	require.NoError(t, err)
	for want, cfg := range map[string]maintenance.KeysConfig{
		`root_keys "keys"`:                         {RootKeys: "keys"},
		"the runbook itself writes":                {QNSKeys: "/var/qps/auth/temp/qns"},
		"are both":                                 {RootKeys: "/a", QNSKeys: "/a"},
		"key_file":                                 {KeyFile: "../id_rsa"},
		"own_key is no fingerprint":                {OwnKey: "-----BEGIN OPENSSH PRIVATE KEY-----S3cr3t"},
		`key_file "id_rsa.pub"`:                    {KeyFile: "id_rsa.pub"},
		`key_file "authorized_keys"`:               {KeyFile: "authorized_keys"},
		`root_keys "/a\nb"`:                        {RootKeys: "/a\nb"},
		`site2.prefix "-o x;"`:                     {Site2: maintenance.KeySite{ClusterManager: "s2", Prefix: "-o x;"}},
		"site2: cluster_manager is missing":        {Site2: maintenance.KeySite{Address: "10.0.0.9"}},
		"arbiter: host is missing":                 {Arbiter: maintenance.KeyMachine{Address: "10.0.0.8"}},
		"arbitervip is an address that":            {Arbiter: maintenance.KeyMachine{Host: "arbitervip"}},
		`arbiter.address "sessionmgr01" is the VM`: {Arbiter: maintenance.KeyMachine{Host: arbiter, Address: "sessionmgr01"}},
		`site2.address "lb01" is the VM`:           {Site2: maintenance.KeySite{ClusterManager: "s2", Address: "lb01"}},
		`installer "lb01" is the VM`:               {Installer: "lb01"},
		"site2.address and arbiter.address are both x": {Site2: maintenance.KeySite{ClusterManager: "s2", Address: "x"},
			Arbiter: maintenance.KeyMachine{Host: arbiter, Address: "x"}},
		`installer "a b"`:                  {Installer: "a b"},
		`arbiter.address "-x"`:             {Arbiter: maintenance.KeyMachine{Host: arbiter, Address: "-x"}},
		"no Hosts.csv of it":               {Site2: maintenance.KeySite{ClusterManager: "site2-cluman"}},
		"two machines have the control na": {ClusterManager: "lb01"},
	} {
		_, err := maintenance.ChangeKeys(cfg, hosts(t), nil)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "S3cr3t")
	}
	_, err = maintenance.ChangeKeys(maintenance.KeysConfig{Site2: maintenance.KeySite{ClusterManager: "s2"}}, hosts(t), hosts(t))
	require.ErrorContains(t, err, "the Hosts.csv of site 2 is that of site 1")
	_, err = maintenance.ChangeKeys(maintenance.KeysConfig{}, hosts(t), second)
	require.ErrorContains(t, err, "site2.cluster_manager is missing")
	_, err = maintenance.ChangeKeys(maintenance.KeysConfig{}, nil, nil)
	require.ErrorContains(t, err, "Hosts.csv is needed")
}
