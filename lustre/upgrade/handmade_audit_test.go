package upgrade_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/upgrade"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
)

// H24: whatever of a pair that people made is not understood, or could cost data, is a finding with its place, and with
// what to do.
func TestAuditTargets(t *testing.T) {
	const pool, agent = `<nvpair id="zfs-ost2pool-instance_attributes-pool" name="pool" value="ost2pool"/>`, `provider="lustre" type="Lustre"`
	const ost2 = `id="hand-OST0002-instance_attributes-target" name="target" value="ost2pool/ost2"/>`
	const rule = `<expression attribute="pingd" id="location-group-ost2-pingd-rule-expr" operation="lte" value="0"/>`
	member := func(id string) string {
		return `<primitive class="ocf" id="` + id + `" provider="heartbeat" type="ZFS"><instance_attributes id="` + id + `-i">` +
			`<nvpair id="` + id + `-p" name="pool" value="` + id + `"/></instance_attributes></primitive>`
	}
	end := func(of string) string { return of + "</constraints>" }
	for name, tt := range map[string]struct {
		old, new string // once
		all      bool   // or everywhere
		ldiskfs  bool   // in the other pair
		want     []string
	}{
		"the pools of nobody": {old: `provider="heartbeat" type="ZFS"`, new: `provider="heartbeat" type="Dummy"`, all: true,
			want: []string{"no resource of ocf:heartbeat:ZFS imports it", "is of the agent ocf:heartbeat:Dummy"}},
		"another pool": {old: pool, new: strings.Replace(pool, `value="ost2pool"`, `value="tank"`, 1),
			want: []string{"hand-OST0002 is in the pool ost2pool, and no resource", "is in the pool tank, which zfs-ost2pool imports"}},
		"a pool twice":   {old: pool, new: strings.Replace(pool, `value="ost2pool"`, `value="ost0pool"`, 1), want: []string{"is imported by zfs-ost0pool as well"}},
		"no pool at all": {old: pool, new: "", want: []string{"zfs-ost2pool has no pool"}},
		"another group's pool": {old: ost2, new: strings.Replace(ost2, "ost2pool/ost2", "ost0pool/ost2", 1),
			want: []string{"which zfs-ost0pool imports, and that is not in the group of hand-OST0002"}},
		"a dataset twice":     {old: ost2, new: strings.Replace(ost2, "ost2pool/ost2", "ost0pool/ost1", 1), want: []string{"has the device ost0pool/ost1"}},
		"a mount point twice": {old: `value="/lustre/hand-OST0002"`, new: `value="/lustre/hand-OST0001"`, want: []string{"has the mount point /lustre/hand-OST0001"}},
		"a mount point twice, written otherwise": {old: `value="/lustre/hand-OST0002"`, new: `value="/lustre/hand-OST0001/"`,
			want: []string{"has the mount point /lustre/hand-OST0001"}},
		"a mount point that goes up":   {old: `value="/lustre/hand-OST0002"`, new: `value="/lustre/../etc/x"`, want: []string{"absolute path"}},
		"a device by another spelling": {ldiskfs: true, old: `value="/dev/mapper/mpathd"`, new: `value="/dev/mapper//mpathd"`, want: []string{"neither a block device"}},
		"a device that goes up": {ldiskfs: true, old: `value="/dev/mapper/mpathd"`, new: `value="/dev/mapper/../mapper/mpathd"`,
			want: []string{"neither a block device"}},
		"a device that mapper names as another": {ldiskfs: true, old: `value="/dev/mapper/mpathd"`,
			new: `value="/dev/disk/by-id/dm-name-mpathc"`, want: []string{"has the device"}},
		"a dataset that goes up": {old: ost2, new: strings.Replace(ost2, "ost2pool/ost2", "ost0pool/../ost2pool/ost2", 1),
			want: []string{"neither a block device"}},
		"a snapshot":                {old: ost2, new: strings.Replace(ost2, "ost2pool/ost2", "ost2pool/ost2@a", 1), want: []string{"neither a block device"}},
		"a zvol":                    {old: ost2, new: strings.Replace(ost2, "ost2pool/ost2", "/dev/zvol/ost2pool/ost2", 1), want: []string{"is no disk of its own"}},
		"no disk":                   {old: ost2, new: strings.Replace(ost2, "ost2pool/ost2", "/dev/null", 1), want: []string{"is no disk of its own"}},
		"a pool under another name": {old: pool, new: pool + `<nvpair id="x" name="importargs" value="-d /dev/mapper tank"/>`, want: []string{`imports its pool with "tank"`}},
		"a pool for every boot": {old: pool, new: pool + `<nvpair id="x" name="importargs" value="-o cachefile=/etc/zfs/zpool.cache"/>`,
			want: []string{`imports its pool with "-o"`}},
		"a pool by half a force": {old: pool, new: pool + `<nvpair id="x" name="importforce" value="banana"/>`, want: []string{"neither true nor false"}},
		"a mount that evicts":    {old: ost2, new: ost2 + `<nvpair id="x" name="mountoptions" value="acl,abort_recov"/>`, want: []string{`the option "abort_recov"`}},
		"a stop that may fail":   {old: `name="stop"`, new: `name="stop" on-fail="ignore"`, want: []string{"has on-fail=ignore for its stop"}},
		"a member that says Started": {old: `<primitive class="ocf" id="hand-OST0001" provider="lustre" type="Lustre">`,
			new:  `<primitive class="ocf" id="hand-OST0001" provider="lustre" type="Lustre"><meta_attributes id="m"><nvpair id="mt" name="target-role" value="Started"/></meta_attributes>`,
			want: []string{"has target-role=Started of its own, which counts before the group's"}},
		"operations that may fail": {old: `<rsc_defaults>`, new: `<op_defaults><meta_attributes id="od"><nvpair id="od1" name="on-fail" value="ignore"/></meta_attributes></op_defaults><rsc_defaults>`,
			want: []string{"the defaults of all operations have on-fail=ignore"}},
		"a start that fences nobody": {old: `name="stonith-enabled" value="true"/>`, new: `name="stonith-enabled" value="true"/><nvpair id="sf" name="startup-fencing" value="false"/>`,
			want: []string{"startup-fencing is false"}},
		"a group that waits for no fencing": {old: `name="target-role" value="Started"`, new: `name="requires" value="nothing"`,
			want: []string{"group-mgs has requires=nothing"}},
		"nothing waits for fencing": {old: `name="migration-threshold" value="3"`, new: `name="requires" value="quorum"`,
			want: []string{"the defaults of all resources have requires=quorum"}},
		"a target that waits for no fencing": {ldiskfs: true, old: `<primitive class="ocf" id="hand-OST0001" provider="lustre" type="Lustre">`,
			new:  `<primitive class="ocf" id="hand-OST0001" provider="lustre" type="Lustre"><meta_attributes id="m"><nvpair id="mr" name="requires" value="nothing"/></meta_attributes>`,
			want: []string{"hand-OST0001 has requires=nothing"}},
		"a relative mount point": {old: `value="/lustre/hand-OST0002"`, new: `value="hand"`, want: []string{"absolute path"}},
		"the root":               {old: `value="/lustre/hand-OST0002"`, new: `value="/"`, want: []string{"absolute path"}},
		"a strange mount point":  {old: `value="/lustre/hand-OST0002"`, new: `value="/lustre/a b"`, want: []string{"absolute path"}},
		"no dataset":             {old: ost2, new: strings.Replace(ost2, "ost2pool/ost2", "ost2pool", 1), want: []string{"neither a block device"}},
		"a pool with a slash":    {old: ost2, new: strings.Replace(ost2, "ost2pool/ost2", "ost2pool/", 1), want: []string{"neither a block device"}},
		"a label":                {old: ost2, new: strings.Replace(ost2, "ost2pool/ost2", "LABEL=x", 1), want: []string{"neither a block device"}},
		"an unknown parameter": {old: ost2, new: ost2 + `<nvpair id="x" name="device" value="y"/>`,
			want: []string{"hand-OST0002 has the parameter device, which this runbook does not know of ocf:lustre:Lustre"}},
		"an unknown parameter of a pool": {old: pool, new: pool + `<nvpair id="x" name="altroot" value="y"/>`,
			want: []string{"has the parameter altroot"}},
		"a pool after its target": {old: `</group>`, new: member("late") + `</group>`, want: []string{"late comes after a target in the group group-mgs"}},
		"a pool of nothing": {old: `<group id="group-mgs">`, new: `<group id="group-mgs">` + member("more"),
			want: []string{"no target of the group group-mgs is in the pool more"}},
		"a group without a target": {old: agent, new: `provider="heartbeat" type="Dummy"`, want: []string{"the group group-mgs has no target", "MGS in the group group-mgs is of the agent ocf:heartbeat:Dummy"}},
		"a group that is not ordered": {old: `name="target-role" value="Started"`, new: `name="ordered" value="false"`,
			want: []string{"group-mgs has ordered=false"}},
		"a member that is disabled": {old: `<primitive class="ocf" id="hand-OST0001" provider="lustre" type="Lustre">`,
			new:  `<primitive class="ocf" id="hand-OST0001" provider="lustre" type="Lustre"><meta_attributes id="m"><nvpair id="mt" name="target-role" value="Stopped"/></meta_attributes>`,
			want: []string{"hand-OST0001 in the group group-ost0 has target-role=Stopped of its own"}},
		"a pool outside": {old: `<group id="group-mgs">`, new: member("outside") + `<group id="group-mgs">`, want: []string{"outside imports its pool outside of any group"}},
		"IML's target beside": {old: `<group id="group-mgs">`, new: `<primitive class="ocf" id="x" provider="chroma" type="Target"/><group id="group-mgs">`,
			want: []string{"a pair of two makers"}},
		"something else": {old: `<group id="group-mgs">`, new: `<primitive class="systemd" id="x" type="robinhood"/><group id="group-mgs">`,
			want: []string{"x is of the agent systemd:robinhood: this runbook does not know it"}},
		"a clone of something else": {old: `type="healthLUSTRE"`, new: `type="other"`, want: []string{"healthLUSTRE-clone is a clone that this runbook does not know",
			"looks at the attribute lustred, which no clone"}},
		"a clone on one node": {old: `<clone id="healthLNET-clone">`,
			new:  `<clone id="healthLNET-clone"><meta_attributes id="cm"><nvpair id="cmn" name="clone-max" value="1"/></meta_attributes>`,
			want: []string{"clone-max=1: it is to run on both nodes"}},
		"a rule on another attribute": {old: rule, new: strings.Replace(rule, `"pingd"`, `"rack"`, 1), want: []string{"looks at the attribute rack"}},
		"a rule that attracts":        {old: `score="-INFINITY">`, new: `score="100">`, want: []string{"is none that keeps a target away"}},
		"a pattern": {old: `</constraints>`, new: end(`<rsc_location id="l" rsc-pattern="hand.*" node="ct6-mds1" score="1"/>`),
			want: []string{"the location constraint l is of a form"}},
		"an order of targets": {old: `</constraints>`, new: end(`<rsc_order id="o" first="group-mgs" then="group-mdt0"/>`),
			want: []string{"the order o makes one target start again"}},
		"an order that is mandatory": {old: `kind="Optional"`, new: `kind="Mandatory"`, ldiskfs: true, want: []string{"makes one target start again"}},
		"a colocation of targets": {old: `</constraints>`, new: end(`<rsc_colocation id="c" rsc="group-mgs" with-rsc="group-ost0" score="100"/>`),
			want: []string{"the colocation c ties"}},
		"a ticket": {old: `</constraints>`, new: end(`<rsc_ticket id="t" rsc="group-mgs" ticket="siteA"/>`), want: []string{"is about a ticket"}},
		"tags":     {old: `</configuration>`, new: `<tags><tag id="all"><obj_ref id="MGS"/></tag></tags></configuration>`, want: []string{"the CIB has tags"}},
		"two targets on one disk": {old: `value="/dev/mapper/mpathd"`, new: `value="/dev/mapper/mpathc"`, ldiskfs: true,
			want: []string{"hand-OST0001 has the device /dev/mapper/mpathc, and so has hand-OST0000"}},
		"well":                      {},
		"well, on ldiskfs":          {ldiskfs: true},
		"what the group says twice": {old: `</constraints>`, new: end(`<rsc_order id="o" first="zfs-mgspool" then="MGS"/><rsc_colocation id="c" rsc="MGS" with-rsc="zfs-mgspool" score="INFINITY"/>`)},
		"IML 5's pool agent":        {old: `provider="heartbeat" type="ZFS"`, new: `provider="chroma" type="ZFS"`, all: true},
		"mount options":             {old: ost2, new: ost2 + `<nvpair id="x" name="mountoptions" value="acl"/>`},
	} {
		t.Run(name, func(t *testing.T) {
			text := lustretest.ZFSGroups(pcs.V09).CIB
			if tt.ldiskfs {
				text = lustretest.LdiskfsByHand(pcs.V09).CIB
			}
			if tt.old != "" {
				require.Contains(t, text, tt.old)
				n := 1
				if tt.all {
					n = -1
				}
				text = strings.Replace(text, tt.old, tt.new, n)
			}
			cib, err := pacemaker.ParseCIB(srcerr.Named("cib.xml", strings.NewReader(text)))
			require.NoError(t, err)
			found := upgrade.AuditTargets(cib)
			all := ""
			for _, f := range found {
				all += f.Error() + "\n"
				require.Regexp(t, `^cib\.xml:\d+:\d+: `, f.Error())
			}
			require.Equal(t, len(tt.want) == 0, len(found) == 0, all)
			for _, want := range tt.want {
				require.Contains(t, all, want)
			}
		})
	}
}

// A pair of IML's has nothing to be found in its CIB.
func TestAuditOfIMLsPair(t *testing.T) {
	cib, err := pacemaker.ParseCIB(strings.NewReader(lustretest.GuideSite(pcs.V09).CIB))
	require.NoError(t, err)
	require.Empty(t, upgrade.AuditTargets(cib))
}

// A health clone that does not run on both nodes, once on each, is a finding; what says that it does is none, however it is written.
func TestOptionsOfAHealthClone(t *testing.T) {
	for option, bad := range map[string]bool{
		"clone-max=2": false, "clone-max=1": true, "clone-max=0": true, "clone-max=3": true, "clone-max=": true,
		"clone-node-max=1": false, "clone-node-max=0": true, "clone-node-max=2": true,
		"clone-min=0": false, "clone-min=1": false, "clone-min=2": true,
		"globally-unique=false": false, "globally-unique=No": false, "globally-unique=true": true, "globally-unique=2": true,
		"promotable=false": false, "promotable=on": true, "promotable=maybe": true, "interleave=true": false,
	} {
		name, value, _ := strings.Cut(option, "=")
		found := audit(t, `<clone id="healthLNET-clone">`, `<clone id="healthLNET-clone"><meta_attributes id="cm"><nvpair id="cmn" name="`+name+
			`" value="`+value+`"/></meta_attributes>`)
		if !bad {
			require.Empty(t, found, option)
			continue
		}
		require.Contains(t, found, "healthLNET-clone has "+option+": it is to run on both nodes, once on each")
	}
}

// A rule on health says by -INFINITY that a node is not well; one that says anything else is a finding, with its place and what to do.
func TestRulesOnHealth(t *testing.T) {
	const rule = `<rule boolean-op="or" id="location-group-mgs-pingd-rule" score="-INFINITY">
          <expression attribute="pingd" id="location-group-mgs-pingd-rule-expr" operation="lte" value="0"/>
          <expression attribute="pingd" id="location-group-mgs-pingd-rule-expr-1" operation="not_defined"/>
        </rule>`
	one := func(attributes string) string {
		return `<rule id="r" score="-INFINITY"><expression id="e" attribute="pingd" ` + attributes + `/></rule>`
	}
	for text, bad := range map[string]bool{
		rule: false, one(`operation="not_defined"`): false, one(`operation="lte" value="0"`): false, one(`operation="lt" value="1"`): false,
		one(`operation="eq" value="0"`): false, one(`operation="lt" value="1" type="number"`): false, one(`operation="eq" value="0" type="string"`): false,
		one(`operation="gt" value="0"`): true, one(`operation="gte" value="0"`): true, one(`operation="lt" value="200"`): true,
		one(`operation="lte" value="1"`): true, one(`operation="lt" value="0"`): true, one(`operation="eq" value="1"`): true,
		one(`operation="ne" value="0"`): true, one(`operation="defined"`): true, one(`operation="lte" value="0" type="version"`): true,
		one(`operation="lt" value="1" type="string"`): true, one(`operation="lte" value="0" value-source="param"`): true,
		strings.Replace(rule, `"or"`, `"and"`, 1): true, strings.Replace(rule, `boolean-op="or"`, ``, 1): true,
		`<rule id="r" score="-INFINITY"/>`: true, strings.Replace(one(`operation="not_defined"`), `id="r"`, `id="r" role="Master"`, 1): true,
		strings.Replace(one(`operation="not_defined"`), `id="r"`, `id="r" negate="true"`, 1):     true,
		strings.Replace(one(`operation="not_defined"`), `score="-INFINITY"`, `score="-1000"`, 1): true,
		strings.Replace(rule, `operation="not_defined"`, `operation="defined"`, 1):               true,
	} {
		found := audit(t, rule, text)
		if !bad {
			require.Empty(t, found, text)
			continue
		}
		require.Regexp(t, `^cib\.xml:\d+:\d+: .*the rule of location-group-mgs-pingd .*pcs constraint location TARGET rule`, found, text)
	}
}

// A target must be known to Lustre's name by one of its own, or its recovery could be waited for for ever; the MGS has none.
func TestEveryTargetHasALustreName(t *testing.T) {
	const mgs = `id="MGS" provider="lustre"`
	for name, bad := range map[string]bool{"mgs": false, "MGT": false, "mgt": false, "Mgs": false, "demo-OST0000": false, "x": true, "mgs0": true} {
		text := strings.NewReplacer(mgs, `id="`+name+`" provider="lustre"`, "mgspool/mgt", "mgspool/d", `"/lustre/MGS"`, `"/lustre/d"`).
			Replace(lustretest.ZFSGroups(pcs.V09).CIB)
		cib, err := pacemaker.ParseCIB(srcerr.Named("cib.xml", strings.NewReader(text)))
		require.NoError(t, err)
		found := upgrade.AuditTargets(cib)
		if !bad {
			require.Empty(t, found, name)
			continue
		}
		require.Len(t, found, 1, name)
		require.ErrorContains(t, found[0], name+" does not tell which target of Lustre it is")
		require.ErrorContains(t, found[0], "in MGS (/lustre/MGS)")
	}
}

// audit is what is found in the pair with groups, with one text in it for another.
func audit(t *testing.T, old, text string) string {
	t.Helper()
	whole := lustretest.ZFSGroups(pcs.V09).CIB
	require.Contains(t, whole, old)
	cib, err := pacemaker.ParseCIB(srcerr.Named("cib.xml", strings.NewReader(strings.Replace(whole, old, text, 1))))
	require.NoError(t, err)
	all := ""
	for _, f := range upgrade.AuditTargets(cib) {
		all += f.Error() + "\n"
	}
	return all
}
