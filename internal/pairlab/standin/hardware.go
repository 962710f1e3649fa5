package standin

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
)

// Socket is where, in a node, the hardware answers: the disks and the power switch. Each node has one of its own, so
// the hardware knows who asks.
const Socket = "/run/lab/hw.sock"

// ask puts a request to the hardware, and waits for as long as the answer takes: who called may set a limit.
func (c *call) ask(req wire.HardwareRequest) (wire.HardwareAnswer, error) {
	conn, err := (&net.Dialer{}).DialContext(context.Background(), "unix", c.path(Socket))
	if err != nil {
		return wire.HardwareAnswer{}, fmt.Errorf("the hardware does not answer: %w", err)
	}
	defer func() { _ = conn.Close() }()
	var reply wire.HardwareAnswer
	if err := json.NewEncoder(conn).Encode(req); err != nil {
		return reply, fmt.Errorf("the hardware does not listen: %w", err)
	}
	line, err := bufio.NewReader(conn).ReadBytes('\n')
	if err != nil {
		return reply, fmt.Errorf("the hardware did not answer %s: %w", req.Op, err)
	}
	if err := json.Unmarshal(line, &reply); err != nil {
		return reply, fmt.Errorf("the hardware answered %q: %w", line, err)
	}
	if !reply.OK {
		return reply, errors.New(reply.Error)
	}
	return reply, nil
}
