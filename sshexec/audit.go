package sshexec

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// AuditRecord is one line of an audit log: a command that is about to be sent ("start"), or how it ended ("end"). No
// secret that a command's Mask or the audit's own list names stands in it, and no input or output, but for the last
// line of the errors of a command that failed.
type AuditRecord struct {
	Time     time.Time `json:"time"`
	Event    string    `json:"event"` // start, end
	ID       uint64    `json:"id"`    // joins the two lines of one command
	Host     string    `json:"host,omitempty"`
	Cmd      string    `json:"cmd"`
	Effect   Effect    `json:"effect"`
	Outcome  *Outcome  `json:"outcome,omitempty"`
	ExitCode int       `json:"exit,omitempty"`
	Signal   string    `json:"signal,omitempty"`
	Millis   int64     `json:"ms,omitempty"` // from start to end
	Error    string    `json:"error,omitempty"`
}

// Audit logs every command of any number of Runners to one writer, as JSON lines. A command is run only after its start was written.
type Audit struct {
	secrets []Secret

	mu  sync.Mutex
	out io.Writer
	id  uint64
}

// NewAudit is an audit log that writes to w, and that hides the secrets given beside those that each command masks.
func NewAudit(w io.Writer, secrets ...Secret) *Audit { return &Audit{out: w, secrets: secrets} }

// Runner is r with its commands logged under the host's name.
func (a *Audit) Runner(host string, r Runner) Runner {
	return RunnerFunc(func(ctx context.Context, cmd Cmd) (Result, error) {
		masked := cmd.masking(a.secrets)
		rec, err := a.begin(host, masked)
		if err != nil {
			return Result{}, Failure(host, masked, Result{}, err)
		}
		var res Result
		var runErr error
		if cmd.Validate() == nil {
			res, runErr = r.Run(ctx, cmd)
		} else {
			runErr = Failure(host, masked, Result{}, masked.Validate())
		}
		if err := a.end(rec, masked, res, runErr); err != nil && runErr == nil {
			return res, Failure(host, masked, res, err)
		}
		return res, runErr
	})
}

func (a *Audit) begin(host string, cmd Cmd) (AuditRecord, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.id++
	rec := AuditRecord{
		Time: time.Now().UTC(), Event: "start", ID: a.id, Host: host, Effect: cmd.Effect,
		Cmd: cmd.String(),
	}
	return rec, a.write(rec)
}

func (a *Audit) end(rec AuditRecord, cmd Cmd, res Result, err error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now().UTC()
	rec.Event, rec.Millis, rec.Time = "end", now.Sub(rec.Time).Milliseconds(), now
	rec.Outcome, rec.ExitCode, rec.Signal = &res.Outcome, res.ExitCode, res.Signal
	if err != nil {
		rec.Error = errorText(cmd, res, err)
	}
	return a.write(rec)
}

// errorText is the message of an error without the secrets that the command masks. The message is made anew out of the
// errors as they were captured: what the Runner masked is masked for good, and may have left the end of a longer secret
// standing.
func errorText(cmd Cmd, res Result, err error) string {
	hide := cmd.Redaction()
	var ce *CommandError
	if !errors.As(err, &ce) {
		return hide.String(err.Error())
	}
	again := *ce
	again.Cmd, again.Stderr = cmd.String(), cmd.printed(res.Stderr)
	if ce.Err != nil {
		again.Err = errors.New(hide.String(ce.Err.Error()))
	}
	return hide.Own(again.Error())
}

func (a *Audit) write(rec AuditRecord) error {
	line, err := json.Marshal(rec)
	if err == nil {
		_, err = a.out.Write(append(line, '\n'))
	}
	if err != nil {
		return fmt.Errorf("cannot write the audit log: %w", err)
	}
	return nil
}
