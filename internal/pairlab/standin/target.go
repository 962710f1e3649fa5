package standin

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
)

const (
	storeDir = "/var/lib/chroma/targets"
	agentLog = "/var/log/chroma-agent.log"
)

// record is a target's file in IML's store, in the form of 2.2 to 3.0 (H24).
type record struct {
	Backfs string `json:"backfstype"`
	Device string `json:"bdev"`
	Mount  string `json:"mntpt"`
	Name   string `json:"target_name"`
}

// storeFile is where IML keeps a target: the name is the UUID in base64url.
func storeFile(uuid string) string {
	return path.Join(storeDir, base64.URLEncoding.EncodeToString([]byte(uuid)))
}

func (c *call) record(uuid string) (record, error) {
	data, err := os.ReadFile(c.path(storeFile(uuid)))
	if err != nil {
		return record{}, fmt.Errorf("no target %s in the store: %w", uuid, err)
	}
	var r record
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("%s: %w", storeFile(uuid), err)
	}
	if r.Device == "" || r.Mount == "" {
		return r, fmt.Errorf("%s: bdev or mntpt is missing", storeFile(uuid))
	}
	return r, nil
}

// source is what stands as the device in the mount table: of a ZFS target its data set.
func (r record) source() string {
	if r.Backfs == "zfs" && !strings.Contains(r.Device, "/") {
		return r.Device + "/" + r.Name
	}
	return r.Device
}

// runTarget is ocf:chroma:Target. Like IML's it calls a target that it knows nothing of stopped: a probe on a node
// without the target store does no harm, and a start fails.
func runTarget(c *call) int {
	if len(c.args) != 1 {
		return c.fail(ocfArgs, "usage: Target {start|stop|status|monitor|meta-data}")
	}
	action, uuid := c.args[0], c.getenv("OCF_RESKEY_target")
	switch action {
	case "meta-data":
		c.printf("%s", targetMetadata)
		return ocfSuccess
	case "usage":
		c.printf("usage: Target {start|stop|status|monitor|meta-data}\n")
		return ocfSuccess
	case "notify", "validate-all":
		return ocfSuccess
	case "start", "stop", "monitor", "status":
	default:
		return c.fail(ocfUnimplemented, "usage: Target {start|stop|status|monitor|meta-data}")
	}
	if uuid == "" {
		return c.fail(ocfConfigured, "Target: the parameter target is missing")
	}
	if action == "monitor" || action == "status" {
		return c.monitorTarget(uuid)
	}
	here, err := c.mounted(uuid)
	if err != nil {
		return c.fail(ocfGeneric, "Target: %v", err)
	}
	switch {
	case action == "start" && !here:
		return c.startTarget(uuid)
	case action == "stop" && here:
		return c.stopTarget(uuid)
	case action == "start", action == "stop":
		// An agent that was killed half-way may have left the mount table behind the disks.
		if r, err := c.record(uuid); err == nil {
			if err := c.list(r, here); err != nil {
				return c.fail(ocfGeneric, "Target: %v", err)
			}
		}
		return ocfSuccess
	}
	return ocfUnimplemented
}

// monitorTarget looks into the mount table, as IML's agent does: it does not see an unmount that is still at work (H27).
func (c *call) monitorTarget(uuid string) int {
	r, err := c.record(uuid)
	if err == nil && slices.ContainsFunc(lustreMounts(c.read(mountsFile)), func(m []string) bool { return m[1] == escape(r.Mount) }) {
		return ocfSuccess
	}
	return ocfNotRunning
}

// mounted tells whether a target is mounted on this node.
func (c *call) mounted(uuid string) (bool, error) {
	holds, err := c.holds()
	return slices.Contains(holds, uuid), err
}

func (c *call) startTarget(uuid string) int {
	if !c.moduleLoaded("lustre") {
		c.log("%s: the lustre module is not loaded", uuid)
		return c.fail(ocfArgs, "Target: the lustre module is not loaded")
	}
	r, err := c.record(uuid)
	if err == nil {
		err = c.mount(uuid, r)
	}
	if err != nil {
		c.log("%s: start: %v", uuid, err)
		return c.fail(ocfGeneric, "Target: %v", err)
	}
	c.log("%s: mounted on %s", uuid, r.Mount)
	return ocfSuccess
}

// mount mounts a target, as a record says where.
func (c *call) mount(uuid string, r record) error {
	if info, err := os.Stat(c.path(r.Mount)); err != nil || !info.IsDir() {
		return fmt.Errorf("mount.lustre: %s is not a directory", r.Mount)
	}
	if strings.HasPrefix(r.Device, "/") && !c.exists(r.Device) {
		return fmt.Errorf("mount.lustre: %s: no such device", r.Device)
	}
	if _, err := c.ask(wire.HardwareRequest{Op: "start", Target: uuid}); err != nil {
		return err
	}
	if err := c.recovers(uuid); err != nil {
		return err
	}
	return c.list(r, true)
}

// list puts a target into the mount table, or takes it out.
func (c *call) list(r record, mounted bool) error {
	line := c.mountLine(r)
	start := line[:strings.Index(line, " lustre ")+1]
	if mounted {
		return c.edit(mountsFile, addLine(start, line))
	}
	return c.edit(mountsFile, dropLines(start))
}

// mountLine is the target's line in /proc/mounts. A newer Lustre tells the target's name there.
func (c *call) mountLine(r record) string {
	options := "ro"
	if c.major() > 6 {
		osd := "ldiskfs"
		if r.Backfs != "" {
			osd = r.Backfs
		}
		options = fmt.Sprintf("ro,svname=%s,osd=osd-%s", r.Name, osd)
	}
	return fmt.Sprintf("%s %s lustre %s 0 0", escape(r.source()), escape(r.Mount), options)
}

// escape writes blanks as the kernel does.
func escape(s string) string {
	return strings.NewReplacer(" ", `\040`, "\t", `\011`, "\n", `\012`, `\`, `\134`).Replace(s)
}

func (c *call) stopTarget(uuid string) int {
	if exit := c.exec(strings.NewReader(""), c.stdout, c.stderr, umountProgram, c.mountPoint(uuid)); exit != 0 {
		c.log("%s: stop: umount: exit status %d", uuid, exit)
		return c.fail(ocfGeneric, "Target: umount: exit status %d", exit)
	}
	c.log("%s: unmounted", uuid)
	return ocfSuccess
}

// umountProgram is what unmounts a target. It has a process of its own, which is in the process table as long as it is
// at work, whatever becomes of the agent.
const umountProgram = "/usr/lib/lustre/umount"

// runUmount is `umount DIR` of a target. By its UUID it unmounts one of which the store knows nothing, and which has not
// its disk's usual mount point.
func runUmount(c *call) int {
	if len(c.args) != 1 {
		return c.fail(1, "usage: umount DIR")
	}
	uuid := c.args[0]
	if t, ok := c.disk(func(t wire.Target) bool { return t.Mount == c.args[0] }); ok {
		uuid = t.UUID
	}
	for _, stored := range c.stored() {
		if c.mountPoint(stored) == c.args[0] {
			uuid = stored
		}
	}
	if err := c.unmount(uuid); err != nil {
		return c.fail(32, "umount: %s: %v", c.args[0], err)
	}
	return 0
}

// stored are the targets of the store.
func (c *call) stored() []string {
	var uuids []string
	files, _ := os.ReadDir(c.path(storeDir))
	for _, f := range files {
		if name, err := base64.URLEncoding.DecodeString(f.Name()); err == nil {
			uuids = append(uuids, string(name))
		}
	}
	return uuids
}

// mountPoint is where a target is mounted, by the store; its UUID where that does not know it.
func (c *call) mountPoint(uuid string) string {
	if r, err := c.record(uuid); err == nil {
		return r.Mount
	}
	return uuid
}

// unmount takes a target out of the mount table and then off the storage, as the kernel does: the table shows no mount
// any more while the file system is still being written back, which takes its time.
func (c *call) unmount(uuid string) error {
	r, err := c.target(uuid)
	if err == nil {
		err = c.list(r, false)
	}
	if _, stopped := c.ask(wire.HardwareRequest{Op: "stop", Target: uuid}); stopped != nil {
		if err == nil {
			err = c.list(r, true)
		}
		return errors.Join(stopped, err)
	}
	return err
}

// log writes into the agent's log, as IML's does; a log that cannot be written stops nothing.
func (c *call) log(format string, args ...any) {
	f, err := os.OpenFile(c.path(agentLog), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	_, _ = fmt.Fprintf(f, time.Now().Format("[02/Jan/2006:15:04:05.000] ")+c.name+" "+format+"\n", args...)
	_ = f.Close()
}

var targetMetadata = metadata("Target", "the resource agent of a Chroma-managed Lustre target", []string{"target!"},
	"start 60", "stop 60", "notify 60", "monitor 40 20", "validate-all 5", "meta-data 5")
