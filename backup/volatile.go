package backup

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// How a file that changed while it was read is taken by itself: so often, with a pause that grows by this much.
const (
	volatileTries = 5
	volatilePause = 100 * time.Millisecond
)

// takeVolatile takes the files that changed in an earlier attempt, one at a time, each until it holds still. It is held
// in a scratch file until it is known to be good. One that never holds still is taken as it came last, and named in the
// record.
func (c *creation) takeVolatile(ctx context.Context, p *packer) error {
	for _, name := range c.volatile {
		if err := c.takeOne(ctx, p, name); err != nil {
			return err
		}
	}
	return nil
}

func (c *creation) takeOne(ctx context.Context, p *packer, name string) error {
	cmd := c.src.command([]string{name}, nil)
	c.rec.Commands = append(c.rec.Commands, CommandRecord{Argv: cmd.Argv})
	for try := 1; ; try++ {
		held, err := newScratch(c.opts.Dir)
		if err != nil {
			return err
		}
		var head *tar.Header
		report, err := c.src.take(ctx, cmd, func(h *tar.Header, body io.Reader) error {
			if h.Name != name || head != nil {
				return fmt.Errorf("the machine sent %s, which was not asked for", shown(h.Name))
			}
			head = h
			_, err := io.Copy(&holeWriter{f: held}, body)
			return err
		})
		if err == nil && slices.Contains(report.changed, name) && try < volatileTries {
			err = errors.Join(held.Close(), pause(ctx, time.Duration(try)*volatilePause))
			if err != nil {
				return err
			}
			continue
		}
		if err != nil && c.isGone(ctx, name) {
			p.skip(name, "it was removed while the backup was taken")
			return held.Close()
		}
		if err == nil && head != nil {
			err = p.add(head, readsZeros(held, head.Size))
		}
		if err == nil {
			c.note(p, report, report.changed)
		}
		return errors.Join(err, held.Close())
	}
}

// isGone tells whether a file is certainly not there any more: programs that write a temporary file and rename it leave such names behind.
func (c *creation) isGone(ctx context.Context, name string) bool {
	found, err := c.src.find(ctx, []Path{{Path: name}})
	return err == nil && len(found[0]) == 0
}

// readsZeros reads a file that may end in a hole which was never written.
func readsZeros(r io.ReaderAt, size int64) io.Reader {
	return io.NewSectionReader(zeroPadded{r}, 0, size)
}

// pause waits, or ends with the context.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
