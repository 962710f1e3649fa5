package standin

import (
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
)

// poolPrefix begins what the hardware calls a pool: it knows which node has it, as it knows of a target.
const poolPrefix = wire.PoolPrefix

// disks are the targets on the storage, as the labels on their disks say.
func (c *call) disks() []wire.Target {
	reply, err := c.ask(wire.HardwareRequest{Op: "disks"})
	if err != nil {
		return nil
	}
	return reply.Disks
}

// disk is the target for which something holds.
func (c *call) disk(is func(wire.Target) bool) (wire.Target, bool) {
	disks := c.disks()
	if i := slices.IndexFunc(disks, is); i >= 0 {
		return disks[i], true
	}
	return wire.Target{}, false
}

// target is what is known of a target: by IML's store, or by its disk where no store has it.
func (c *call) target(uuid string) (record, error) {
	r, err := c.record(uuid)
	if err == nil {
		return r, nil
	}
	if t, ok := c.disk(func(t wire.Target) bool { return t.UUID == uuid }); ok {
		return record{Backfs: t.Backfs, Device: t.Device, Mount: t.Mount, Name: t.Label}, nil
	}
	return r, err
}

// holds are the targets that the node has in use, whatever its mount table says: one that is being unmounted is among them.
func (c *call) holds() ([]string, error) {
	reply, err := c.ask(wire.HardwareRequest{Op: "mounted"})
	return slices.DeleteFunc(reply.Mounted, func(name string) bool { return strings.HasPrefix(name, poolPrefix) }), err
}
