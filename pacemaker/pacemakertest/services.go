package pacemakertest

import (
	"errors"
	"slices"

	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// Install adds the cluster's programs and services to a registry. The packages that bring them are the caller's.
func Install(r *simhost.Registry) {
	r.Services["corosync"] = simhost.Service{Start: startCorosync, Stop: stopCorosync}
	r.Services["pacemaker"] = simhost.Service{Start: startPacemaker, Stop: stopPacemaker}
	r.Command("pcs", 0, runPcs)
	r.Command("cibadmin", 0, runCibadmin)
	r.Command("crm_mon", 0, runCrmMon)
	r.Command("crm_node", 0, runCrmNode)
	r.Command("crm_attribute", 0, runCrmAttribute)
	r.Command("crm_standby", 0, runCrmStandby)
	r.Command("crm_resource", 0, runCrmResource)
	r.Command("stonith_admin", 0, runStonithAdmin)
	r.Command("pacemakerd", 0, runPacemakerd)
	r.Command("corosync-cfgtool", 0, runCfgtool)
}

func startCorosync(s *simhost.State, h *simhost.Host) error {
	st := Of(s)
	id, err := st.readIdentity(h)
	if err != nil {
		return err
	}
	n := st.node(h.Name)
	n.conf, n.met = id, false
	return nil
}

// stopCorosync takes Pacemaker down first where systemd does that. On EL6 it pulls the ground from under it: the node's
// resources go on, and its peer will fence it.
func stopCorosync(s *simhost.State, h *simhost.Host) error {
	st := Of(s)
	n := st.node(h.Name)
	if n.up && !st.software(h).plugin {
		if err := h.StopService(s, "pacemaker"); err != nil {
			return err
		}
	}
	if n.up {
		st.vanish(s, n)
		h.MarkService(s, "pacemaker", false)
	}
	n.conf = nil
	st.schedule(s)
	return nil
}

func startPacemaker(s *simhost.State, h *simhost.Host) error {
	st := Of(s)
	n := st.node(h.Name)
	if n.conf == nil {
		if st.software(h).plugin {
			return errors.New("corosync is not running")
		}
		if err := h.StartService(s, "corosync"); err != nil {
			return err
		}
	}
	return st.enter(s, n)
}

// stopPacemaker moves or stops what runs on the node, then leaves. In maintenance mode the resources stay as they are.
func stopPacemaker(s *simhost.State, h *simhost.Host) error {
	st := Of(s)
	n := st.node(h.Name)
	if !n.ready {
		n.reset()
		return nil
	}
	n.leaving = true
	st.schedule(s)
	gone := func() bool {
		return !n.ready || n.doc.flag("maintenance-mode", false) ||
			!slices.ContainsFunc(n.active, func(a active) bool { return a.primitive.managed })
	}
	if !s.Until(ShutdownTime, gone) {
		n.leaving = false
		return errors.New("timed out waiting for resources to stop")
	}
	if n.ready {
		st.leave(s, n)
		st.schedule(s)
	}
	return nil
}
