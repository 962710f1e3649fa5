package lustretest

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// Recovery is how the clients of a target come back after it was mounted. The zero value has four clients, that are all
// back after four seconds.
type Recovery struct {
	Clients   int           // that it had when it stopped; when negative none, and there is nothing to recover
	Missing   int           // of them that do not come back; when it is all of them, the recovery never begins
	Reconnect time.Duration // until the others are back
	Window    time.Duration // from the first client until who is missing is evicted (recovery_time_soft); 5 minutes when zero
	MDTs      time.Duration // how long an MDT waits for another one, before all of this
	Endless   bool          // it never ends, whatever it says of the time that is left
}

func (r Recovery) defaults() Recovery {
	r.Clients = cmp.Or(r.Clients, 4)
	r.Reconnect = cmp.Or(r.Reconnect, 4*time.Second)
	r.Window = cmp.Or(r.Window, 5*time.Minute)
	r.Missing = min(r.Missing, max(0, r.Clients))
	return r
}

// first is when the first client is back, after the mount; ends when the recovery is over. A recovery that does not end
// has none.
func (r Recovery) first() time.Duration { return r.MDTs + r.Reconnect/2 }

func (r Recovery) ends() (after time.Duration, ok bool) {
	switch {
	case r.Clients <= 0:
		return 0, true
	case r.Endless || r.Missing == r.Clients:
		return 0, false
	case r.Missing > 0:
		return r.first() + r.Window, true
	}
	return r.MDTs + r.Reconnect, true
}

// recovery is how the clients of a target come back to a host.
func (f *shelf) recovery(t *target, host string) Recovery {
	var r Recovery
	if f.opts.Recovery != nil {
		r = f.opts.Recovery(t.label, host)
	}
	return r.defaults()
}

// recovered is when the recovery of a target will be over; the zero time where that is never, or where it is not mounted.
func (f *shelf) recovered(t *target) time.Time {
	if len(t.on) == 0 {
		return time.Time{}
	}
	after, ok := f.recovery(t, t.on[0]).ends()
	if !ok {
		return time.Time{}
	}
	return t.since.Add(after)
}

// status is what the kernel prints of it, so long after the mount. A Lustre of EL6 is 2.5, and has no word for waiting.
func (r Recovery) status(since, now time.Time, old bool) string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	elapsed, begun := now.Sub(since), since.Add(r.first())
	after, ends := r.ends()
	back := r.Clients - r.Missing
	switch {
	case r.Clients <= 0:
		say("status: INACTIVE")
	case ends && elapsed >= after:
		say("status: COMPLETE\nrecovery_start: %d\nrecovery_duration: %d\ncompleted_clients: %d/%d", begun.Unix(),
			int((after - r.first()).Seconds()), back, r.Clients)
		say("replayed_requests: 0\nlast_transno: 4294967296\nVBR: %s\nIR: ENABLED",
			map[bool]string{false: "DISABLED", true: "ENABLED"}[r.Missing > 0])
	case elapsed < r.MDTs && !old:
		say("status: WAITING\nnon-ready MDTs:  0001\nrecovery_start: 0\ntime_waited: %d", int(elapsed.Seconds()))
	case (elapsed < r.first() || back == 0) && !old:
		say("status: WAITING_FOR_CLIENTS")
	default:
		start, left := begun.Unix(), max(0, begun.Add(r.Window).Sub(now))
		switch {
		case elapsed < r.first() || back == 0:
			start, left, back = 0, 0, 0
		case elapsed < r.MDTs+r.Reconnect:
			back = (back + 1) / 2
		}
		say("status: RECOVERING\nrecovery_start: %d\ntime_remaining: %d\nconnected_clients: %d/%d", start, int(left.Seconds()), back, r.Clients)
		say("req_replay_clients: 0\nlock_repay_clients: 0\ncompleted_clients: %d\nevicted_clients: 0", back)
		say("replayed_requests: 0\nqueued_requests: 0\nnext_transno: 4294967297")
	}
	return b.String()
}

// serviceName is what Lustre calls a target, taken apart: the file system, and what the target is.
var serviceName = regexp.MustCompile(`^(?:MGS|([A-Za-z0-9_][A-Za-z0-9_-]*)-(MDT|OST)[0-9a-f]{4})$`)

// service is what Lustre calls a target, which its mount point does not always tell; kind is mdt or obdfilter, and the
// MGS has neither.
func (t *target) service(i int) (name, fs, kind string) {
	for _, name := range []string{t.name, path.Base(t.label)} {
		if m := serviceName.FindStringSubmatch(name); m != nil {
			return name, m[1], map[string]string{"MDT": "mdt", "OST": "obdfilter"}[m[2]]
		}
	}
	return fmt.Sprintf("lustre-OSTf%03x", i), "lustre", "obdfilter"
}

// parameters are those of Lustre on a host that a recovery is told by.
func (f *shelf) parameters(s *simhost.State, h *simhost.Host) map[string]string {
	all := map[string]string{}
	var systems []string
	mgs := false
	for i, t := range f.targets {
		service, fs, kind := t.service(i)
		systems = append(systems, fs)
		if !slices.ContainsFunc(h.Mounts(), func(m simhost.Mount) bool { return m.Device == t.device }) {
			continue
		}
		if kind == "" {
			mgs = true
			continue
		}
		r, name := f.recovery(t, h.Name), kind+"."+service+"."
		all[name+"recovery_status"] = r.status(t.since, s.Now(), h.Major() == 6)
		all[name+"recovery_time_soft"] = fmt.Sprintf("%d\n", int(r.Window.Seconds()))
		all[name+"recovery_time_hard"] = fmt.Sprintf("%d\n", int(3*r.Window.Seconds()))
		all[name+"ir_factor"] = "5\n"
	}
	slices.Sort(systems)
	for _, fs := range slices.Compact(systems) {
		if mgs && fs != "" {
			all["mgs.MGS.live."+fs] = fmt.Sprintf("fsname: %s\nflags: 0x20     gen: 7\n\nSecure RPC Config Rules:\n\n"+
				"imperative_recovery_state:\n    state: %s\n    nonir_clients: 0\n    nidtbl_version: 7\n"+
				"    notify_duration_total: 0.001000\n    notify_duation_max: 0.001000\n    notify_count: 2\n", fs, cmp.Or(f.opts.Imperative, "full"))
		}
	}
	if mgs {
		all["mgs.MGS.live.params"] = "fsname: params\nflags: 0x21     gen: 1\n\nSecure RPC Config Rules:\n"
	}
	return all
}
