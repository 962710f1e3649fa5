package upgrade_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
)

// H27: every state that Pacemaker's record of the last stop can be in, on the node that gives targets away: node 2 in
// the switch-over, node 1 in the rollback. In none is a target enabled elsewhere while an umount is at work. Where the
// targets are provably gone the run goes on; where they are not it waits, and in the end says what to do.
func TestWhateverTheRecordSays(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	op := func(attrs string) func(*twoNodes) {
		return func(n *twoNodes) { n.last = func(int, string) string { return attrs } }
	}
	const probed = `operation="monitor" call-id="3" rc-code="7" op-status="0"`
	states := map[string]struct {
		set   func(*twoNodes)
		stays string // what the run says when it does not go on, though nothing is at work
	}{
		"stopped":                         {set: func(*twoNodes) {}},
		"fresh: nothing is recorded":      {set: op("")},
		"probed":                          {set: op(probed)},
		"probed by the agent's own error": {set: op(`operation="monitor" call-id="3" rc-code="7" op-status="4"`)},
		"cleaned up, one of them": {set: func(n *twoNodes) {
			n.last = func(_ int, id string) string { return map[string]string{"MGS_32834e": opStopped}[id] }
		}},
		"cleaned up in the middle":        {set: func(n *twoNodes) { n.last = onceAt(4, opStopping, "") }},
		"probed again after a restart":    {set: func(n *twoNodes) { n.last = onceAt(4, opRunning, probed) }},
		"the failure expired":             {set: func(n *twoNodes) { n.last = onceAt(4, opFailed, probed) }},
		"the stop of another agent":       {set: func(n *twoNodes) { n.agent = `class="ocf" provider="heartbeat" type="Filesystem"` }},
		"recorded before the node's boot": {set: op(opStopped + ` last-rc-change="1"`)},
		"the whole cluster stopped":       {set: func(n *twoNodes) { n.stopped = true }},
		"the stop failed":                 {set: op(opFailed), stays: "crm_resource --cleanup -r "},
		"the stop ran out of time":        {set: op(`operation="stop" call-id="9" rc-code="1" op-status="2"`), stays: "umount /mnt/MGS"},
		"the stop is under way":           {set: op(opStopping), stays: "its stop is under way"},
		"a start is under way": {set: op(`operation="start" call-id="-1" rc-code="193" op-status="-1"`),
			stays: "its start is under way"},
		"migrated away": {set: op(`operation="migrate_to" call-id="9" rc-code="0" op-status="0"`),
			stays: "a migrate_to with exit status 0"},
		"stopped, and started again":        {set: op(opRunning), stays: "a start that succeeded"},
		"a stop whose result is not known":  {set: op(`operation="stop" call-id="9"`), stays: "a stop with exit status -1"},
		"the daemons died, and left others": {set: func(n *twoNodes) { n.stopped, n.service = true, 1 }, stays: "does not answer"},
	}
	work := map[string]string{
		"":               "",
		"umount":         "umount /mnt/MGS",
		"by its path":    "/bin/umount -f /mnt/demo-MDT0000",
		"a mount begins": "mount.lustre /dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_EEMGT0000 /mnt/MGS",
		"in a shell":     "sh -c umount '/mnt/MGS' && sync",
	}
	for way, play := range map[string]func(*twoNodes) error{"over": (*twoNodes).handOver, "back": (*twoNodes).giveBack} {
		for name, state := range states {
			for what, args := range work {
				t.Run(way+"/"+name+"/"+what, func(t *testing.T) {
					n := s.twoNodes(t)
					n.back = way == "back"
					state.set(n)
					if n.back && n.stopped {
						state.stays = "does not answer" // the new cluster has to be there: it keeps the targets down
					}
					if args != "" {
						n.procs = atWork(1<<30, args)
					}
					err := play(n)
					if args == "" && state.stays == "" {
						require.NoError(t, err)
						require.Len(t, n.enabled, 1)
						return
					}
					require.ErrorContains(t, err, "not within the time allowed")
					if args == "" {
						require.ErrorContains(t, err, state.stays)
						require.Empty(t, n.enabled)
						return
					}
					require.NotContains(t, n.enabled, "MGS_32834e demo-MDT0000_802c1b")
					if n.back {
						require.Empty(t, n.enabled)
					}
				})
			}
		}
	}
}

// What is at work ends, and then the run goes on, whatever the record says of it.
func TestTheUmountComesToItsEnd(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	for _, last := range []string{opStopped, "", `operation="monitor" call-id="3" rc-code="7" op-status="0"`} {
		n := s.twoNodes(t)
		n.last, n.procs = func(int, string) string { return last }, atWork(9, "umount /mnt/MGS")
		require.NoError(t, n.handOver())
		require.GreaterOrEqual(t, n.looks, 9)
		require.Equal(t, []string{"MGS_32834e demo-MDT0000_802c1b"}, n.enabled)
	}
}

// The processes and devices of a node: which of them keep a target where nothing is recorded, and which keep it
// although a stop that succeeded is recorded.
func TestWhatIsAtWork(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	const none, one, both = "", "demo-MDT0000_802c1b", "MGS_32834e demo-MDT0000_802c1b"
	for name, tt := range map[string]struct {
		args, devices    string
		unknown, stopped string // what is enabled all the same, where no stop and where one is recorded
	}{
		"an umount of all":    {args: "umount -a -t lustre", unknown: none, stopped: both},
		"an umount of a type": {args: "umount -at lustre", unknown: none, stopped: both},
		"of a relative path":  {args: "umount MGS", unknown: none, stopped: both},
		"of some device":      {args: "umount /dev/mapper/mpatha", unknown: none, stopped: both},
		"of the device":       {args: "umount /dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_EEMGT0000", unknown: one, stopped: one},
		"of what is above":    {args: "umount -R /mnt", unknown: none, stopped: none},
		"with a slash":        {args: "umount /mnt/MGS/", unknown: one, stopped: one},
		"by another way":      {args: "umount /mnt/../mnt/x", unknown: none, stopped: both},
		"of something else":   {args: "umount /home", unknown: both, stopped: both},
		"of an NFS share":     {args: "mount -t nfs filer:/export /srv", unknown: both, stopped: both},
		"a daemon":            {args: "rpc.mountd -F", unknown: both, stopped: both},
		"an editor":           {args: "vi /root/umount", unknown: both, stopped: both},
		"the agent":           {args: "/usr/bin/python /usr/lib/ocf/resource.d/chroma/Target stop", unknown: none, stopped: both},
		"the agent starts":    {args: "/usr/lib/ocf/resource.d/chroma/Target start", unknown: none, stopped: both},
		"the agent looks":     {args: "/usr/lib/ocf/resource.d/chroma/Target monitor", unknown: both, stopped: both},
		"IML's command": {args: "/usr/bin/python /usr/bin/chroma-agent unmount_target --uuid " + "unknown",
			unknown: none, stopped: both},
		"a lustre mount of anything": {args: "mount.lustre /dev/sdx /mnt/x", unknown: none, stopped: both},
		"with a time limit":          {args: "timeout 60 umount /mnt/MGS", unknown: one, stopped: one},
		"a device":                   {devices: "  0 UP osd-ldiskfs MGS-osd MGS-osd_UUID 5\n", unknown: one, stopped: one},
		"a device that stops": {devices: "  0 ST osd-ldiskfs MGS-osd MGS-osd_UUID 5\n  1 UP mgc MGC10.0.0.1@tcp 4cb 5\n",
			unknown: one, stopped: one},
		"a device of nobody knows": {devices: "  0 UP osd-zfs x-OST0000-osd x-OST0000-osd_UUID 5\n", unknown: none, stopped: both},
		"a device of the client":   {devices: "  1 UP mgc MGC10.0.0.1@tcp 4cb 5\n", unknown: both, stopped: both},
		"a device of the node":     {devices: "  1 UP ost OSS OSS_uuid 3\n", unknown: both, stopped: both},
	} {
		for record, want := range map[string]string{"": tt.unknown, opStopped: tt.stopped} {
			t.Run(name+"/"+record, func(t *testing.T) {
				n := s.twoNodes(t)
				n.last, n.devices = func(int, string) string { return record }, tt.devices
				if tt.args != "" {
					n.procs = atWork(1<<30, tt.args)
				}
				err := n.handOver()
				switch want {
				case both:
					require.NoError(t, err)
					require.Equal(t, []string{both}, n.enabled)
				case none:
					require.ErrorContains(t, err, "not within the time allowed")
					require.Empty(t, n.enabled)
				default:
					require.ErrorContains(t, err, "not within the time allowed")
					require.Equal(t, []string{want}, n.enabled)
				}
			})
		}
	}
}

// What a process was told may be a password: its program is named, and no argument.
func TestArgumentsOfWhatIsAtWorkAreNotShown(t *testing.T) {
	n := newScene(t, lustretest.Options{}, nil).twoNodes(t)
	n.procs = atWork(1<<30, "mount -o password=geheim /dev/sdx /mnt/MGS")
	err := n.handOver()
	require.ErrorContains(t, err, `"mount" is at work on `)
	require.NotContains(t, err.Error(), "geheim")
}

// Only an answer of a form that is known is one. An empty or cut one proves nothing.
func TestAnswersThatProveNothing(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	text := func(s string) *string { return &s }
	own := "R+   ps -e -o stat= -o args=\n"
	for name, tt := range map[string]struct {
		set   func(*twoNodes)
		fails string
	}{
		"ps says nothing": {func(n *twoNodes) { n.ps = text("") }, "the table of processes is not whole"},
		"ps is cut": {func(n *twoNodes) { n.ps = text("Ss   /sbin/init\nD    umount /mnt/x\n") },
			"the table of processes is not whole"},
		"ps is cut in its last line": {func(n *twoNodes) { n.ps = text("Ss   /sbin/init\nR+   ps -e -o stat= -o args=") },
			"the table of processes is not whole"},
		"a zombie has ended":           {func(n *twoNodes) { n.ps = text("Z    [umount] <defunct>\n" + own) }, ""},
		"lctl fails":                   {func(n *twoNodes) { n.lctl, n.modules = 1, "lustre 1 0 - Live 0x0\n" }, "lctl dl"},
		"lctl fails without Lustre":    {func(n *twoNodes) { n.lctl, n.modules = 1, "ext4 1 0 - Live 0x0\n" }, ""},
		"there is no lctl, nor Lustre": {func(n *twoNodes) { n.lctl, n.modules = 127, "ext4 1 0 - Live 0x0\n" }, ""},
		"lctl is not in the PATH": {func(n *twoNodes) { n.lctl, n.modules = 127, "obdclass 1 0 - Live 0x0\n" },
			"lctl is in the PATH of the login"},
		"the modules are not known":   {func(n *twoNodes) { n.lctl = 127 }, "not read whole"},
		"lctl says something else":    {func(n *twoNodes) { n.devices = "No devices found\n" }, "lctl dl"},
		"zpool says nothing":          {func(n *twoNodes) { n.pair.Targets[0].Pool, n.pools = "mgs", "" }, "does not say which pools"},
		"zpool says the heading only": {func(n *twoNodes) { n.pair.Targets[0].Pool, n.pools = "mgs", "NAME\n" }, "does not say which pools"},
		"zpool says something else":   {func(n *twoNodes) { n.pair.Targets[0].Pool, n.pools = "mgs", "rpool\n" }, "does not say which pools"},
		"there is no pool":            {func(n *twoNodes) { n.pair.Targets[0].Pool, n.pools = "mgs", "no pools available\n" }, ""},
		"the mount table is empty":    {func(n *twoNodes) { n.table = text("") }, "the mount table is empty"},
		"the mount table has no root": {func(n *twoNodes) { n.table = text("proc /proc proc rw 0 0\n") }, "not read whole"},
		"the mount table is cut": {func(n *twoNodes) { n.table = text("/dev/sda1 / ext4 rw 0 0\nproc /proc proc rw 0 0") },
			"not read whole"},
		"the mount table is of no use": {func(n *twoNodes) { n.table = text("cat: /proc/mounts: nothing\n") }, "6 fields"},
	} {
		for way, play := range map[string]func(*twoNodes) error{"over": (*twoNodes).handOver, "back": (*twoNodes).giveBack} {
			t.Run(way+"/"+name, func(t *testing.T) {
				n := s.twoNodes(t)
				n.back = way == "back"
				tt.set(n)
				err := play(n)
				if tt.fails == "" {
					require.NoError(t, err)
					return
				}
				require.ErrorContains(t, err, tt.fails)
				require.Empty(t, n.enabled)
			})
		}
	}
}
