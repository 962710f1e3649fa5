package standin

import (
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// recoveryDir has a file for each target, from the moment at which it was mounted. It is gone with the power.
const recoveryDir = "/run/lustre-recovery"

// Recovery is how long a target recovers after each mount: then all of its clients are back.
const Recovery = 2 * time.Second

const (
	labClients = 2
	firstBack  = time.Second
)

// recovers begins the recovery of a target.
func (c *call) recovers(uuid string) error {
	if err := os.MkdirAll(c.path(recoveryDir), 0o750); err != nil {
		return err
	}
	return c.write(path.Join(recoveryDir, uuid), "")
}

// recovery is a target's recovery_status, as the kernel prints it. A Lustre of EL6 is 2.5: it has no word for waiting.
func (c *call) recovery(uuid string, now time.Time) string {
	elapsed := Recovery // of a target that was mounted by hand
	since := now.Add(-elapsed)
	if info, err := os.Stat(c.path(path.Join(recoveryDir, uuid))); err == nil {
		since = info.ModTime()
		elapsed = now.Sub(since)
	}
	start := since.Add(firstBack).Unix()
	switch {
	case elapsed >= Recovery:
		return fmt.Sprintf("status: COMPLETE\nrecovery_start: %d\nrecovery_duration: %d\ncompleted_clients: %d/%[3]d\nreplayed_requests: 0\n"+
			"last_transno: 4294967296\nVBR: DISABLED\nIR: ENABLED\n", start, int((Recovery-firstBack)/time.Second), labClients)
	case elapsed < firstBack && c.major() > 6:
		return "status: WAITING_FOR_CLIENTS\n"
	case elapsed < firstBack:
		start = 0
	}
	back, left := 0, 0
	if start > 0 {
		back, left = labClients-1, 300
	}
	return fmt.Sprintf("status: RECOVERING\nrecovery_start: %d\ntime_remaining: %d\nconnected_clients: %d/%d\nreq_replay_clients: 0\n"+
		"lock_repay_clients: 0\ncompleted_clients: %[3]d\nevicted_clients: 0\nreplayed_requests: 0\n"+
		"queued_requests: 0\nnext_transno: 4294967297\n",
		start, left, back, labClients)
}

// parameters are those of Lustre that a recovery is told by, of the targets that are mounted.
func (c *call) parameters(uuids []string) map[string]string {
	all := map[string]string{}
	for _, uuid := range uuids {
		r, err := c.target(uuid)
		if err != nil {
			continue
		}
		if r.Name == "MGS" {
			all["mgs.MGS.live.params"] = "fsname: params\nflags: 0x21     gen: 1\n\nSecure RPC Config Rules:\n"
			for _, fs := range c.fileSystems() {
				all["mgs.MGS.live."+fs] = "fsname: " + fs + "\nflags: 0x20     gen: 7\n\nSecure RPC Config Rules:\n\nimperative_recovery_state:\n" +
					"    state: full\n    nonir_clients: 0\n    nidtbl_version: 7\n    notify_duration_total: 0.001000\n" +
					"    notify_duation_max: 0.001000\n    notify_count: 2\n"
			}
			continue
		}
		kind := "obdfilter."
		if strings.Contains(r.Name, "-MDT") {
			kind = "mdt."
		}
		all[kind+r.Name+".recovery_status"] = c.recovery(uuid, time.Now())
		all[kind+r.Name+".recovery_time_soft"] = "300\n"
		all[kind+r.Name+".recovery_time_hard"] = "900\n"
		all[kind+r.Name+".ir_factor"] = "5\n"
	}
	return all
}

// fileSystems are those of the targets on the storage.
func (c *call) fileSystems() []string {
	found := map[string]bool{}
	for _, t := range c.disks() {
		if fs, _, ok := strings.Cut(t.Label, "-"); ok {
			found[fs] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// runGetParam is lctl get_param: what matches each pattern, by its name unless that is left out. A pattern that nothing
// matches is an error, which older releases say in other words; the other patterns are answered all the same.
func (c *call) runGetParam(args, uuids []string) int {
	named, status := true, 0
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		if args[0] != "-n" {
			return c.fail(1, "lctl: get_param: only -n is known here")
		}
		named, args = false, args[1:]
	}
	if len(args) == 0 {
		return c.fail(1, "usage: get_param [-n] PATTERN ...")
	}
	all := c.parameters(uuids)
	for _, pattern := range args {
		as := strings.ReplaceAll(pattern, ".", "/")
		found := slices.Sorted(maps.Keys(all))
		found = slices.DeleteFunc(found, func(name string) bool {
			ok, err := path.Match(as, strings.ReplaceAll(name, ".", "/"))
			return !ok || err != nil
		})
		switch {
		case len(found) > 0:
		case c.major() == 6:
			status = c.fail(2, "error: get_param: %s: Found no match", as)
		default:
			status = c.fail(2, "error: get_param: param_path '%s': No such file or directory", as)
		}
		for _, name := range found {
			switch {
			case named && strings.Count(all[name], "\n") > 1:
				c.printf("%s=\n", name)
			case named:
				c.printf("%s=", name)
			}
			c.printf("%s", all[name])
		}
	}
	return status
}
