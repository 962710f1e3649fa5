package live

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/mongo/internal/document"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// Commander runs commands on one member.
type Commander interface {
	// RunCommand runs a command in a database of the member and gives the whole reply, also one that says ok: 0. An
	// error means that there is no reply; it wraps a *[CommandError] whose Outcome tells whether the command may have
	// run, and counts as [op.Unknown] where it does not. A command is sent once: nothing below this interface repeats it.
	RunCommand(ctx context.Context, db string, cmd bson.D) (bson.Raw, error)
}

// Conn is a connection to one member, and to no other: it does not follow the primary.
type Conn interface {
	Commander
	Close(ctx context.Context) error
}

// Dialer connects to the member at host ("host:port"). Package mongodriver makes one over the official driver, [ShellDialer]
// one over the mongo shell.
type Dialer func(ctx context.Context, host string) (Conn, error)

// CommandError says why a command was refused, or what is known of one that got no answer. It holds the command's name
// and never its arguments.
type CommandError struct {
	Host    string
	Command string
	Code    int    // of the server; 0 when there was no answer
	Name    string // of the code: "NotMaster", …; servers before 3.4 give none
	Message string
	Outcome op.Outcome // Exited: the server has answered; NotStarted; Unknown: it may have run
	Err     error
}

func (e *CommandError) Error() string {
	s := fmt.Sprintf("%s: cannot run %s", e.Host, e.Command)
	switch {
	case e.Code != 0:
		s += fmt.Sprintf(": (%s, %d) %s", e.Name, e.Code, e.Message)
	case e.Message != "":
		s += ": " + e.Message
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	if e.Outcome == op.Unknown {
		s += " (it is not known whether it took effect)"
	}
	return s
}

func (e *CommandError) Unwrap() error { return e.Err }

// CommandOutcome is what is known of the command, for sshexec.OutcomeOf. An answer by the server, and nothing else, says that it ended.
func (e *CommandError) CommandOutcome() op.Outcome {
	if e == nil {
		return op.Unknown
	}
	return e.Outcome
}

// The codes of the servers that this package tells apart
// (https://www.mongodb.com/docs/manual/reference/error-codes/).
const (
	CodeHostUnreachable         = 6
	CodeUnauthorized            = 13
	CodeAuthenticationFailed    = 18
	CodeMaxTimeMSExpired        = 50
	CodeCommandNotFound         = 59
	CodeWriteConcernFailed      = 64
	CodeNodeNotFound            = 74
	CodeShutdownInProgress      = 91
	CodeInvalidConfig           = 93
	CodeNotYetInitialized       = 94
	CodeNotSecondary            = 95
	CodeConfigIncompatible      = 103
	CodeNodeNotElectable        = 104
	CodeConfigurationInProgress = 109
	CodeNoMajorityReads         = 148
	CodePrimarySteppedDown      = 189
	CodeExceededTimeLimit       = 262
	CodeConfigNotCommitted      = 308
	CodeNotPrimary              = 10107
	CodeDuplicateKey            = 11000
	CodeInterruptedAtShutdown   = 11600
	CodeInterruptedByReplState  = 11602
	CodeNotPrimaryNoSecondaryOK = 13435
	CodeNotPrimaryOrSecondary   = 13436
)

// The commands whose effect is known; others are taken for mutating.
var effects = map[string]op.Effect{
	"hello": op.ReadOnly, "isMaster": op.ReadOnly, "replSetGetStatus": op.ReadOnly, "replSetGetConfig": op.ReadOnly, "find": op.ReadOnly,
	"collStats": op.ReadOnly, "buildInfo": op.ReadOnly, "ping": op.ReadOnly, "replSetStepDown": op.Disruptive,
	"replSetReconfig": op.Disruptive,
}

// HasCode tells whether an error is a server's refusal with one of the codes.
func HasCode(err error, codes ...int) bool {
	var e *CommandError
	if !errors.As(err, &e) || e.Code == 0 {
		return false
	}
	for _, c := range codes {
		if e.Code == c {
			return true
		}
	}
	return false
}

// primaryMoved tells whether the member refused because it is not, or no longer, the primary.
func primaryMoved(err error) bool {
	return HasCode(err, CodeNotPrimary, CodeNotPrimaryNoSecondaryOK, CodeNotPrimaryOrSecondary, CodePrimarySteppedDown,
		CodeShutdownInProgress, CodeInterruptedAtShutdown, CodeInterruptedByReplState)
}

// What waiting does not mend.
var (
	ErrAuth     = errors.New("the credentials are refused")
	ErrWrongSet = errors.New("a member of another replica set")
)

// hopeless tells whether waiting does not mend the error.
func hopeless(err error) bool {
	return errors.Is(err, change.ErrNotDeclared) || errors.Is(err, change.ErrNoDialer) || errors.Is(err, mongo.ErrTooOld) ||
		errors.Is(err, ErrAuth) || errors.Is(err, ErrWrongSet)
}

// reply is what every answer may carry.
type reply struct {
	OK          float64 `bson:"ok"`
	Code        int     `bson:"code"`
	CodeName    string  `bson:"codeName"`
	ErrMsg      string  `bson:"errmsg"`
	WriteErrors []struct {
		Code   int    `bson:"code"`
		ErrMsg string `bson:"errmsg"`
	} `bson:"writeErrors"`
	WriteConcern *struct {
		Code     int    `bson:"code"`
		CodeName string `bson:"codeName"`
		ErrMsg   string `bson:"errmsg"`
	} `bson:"writeConcernError"`
}

// check turns an answer that is a refusal into an error.
func check(host string, cmd bson.D, raw bson.Raw) error {
	e := &CommandError{Host: host, Command: commandName(cmd), Outcome: op.Exited}
	var r reply
	if err := document.Decode(raw, &r); err != nil {
		e.Outcome, e.Message, e.Err = op.Unknown, "cannot read the answer", err
		return e
	}
	switch {
	case r.OK != 1:
		e.Code, e.Name, e.Message = r.Code, r.CodeName, r.ErrMsg
		if e.Code == 0 && e.Message == "" {
			e.Outcome, e.Message = op.Unknown, "the answer does not say how it went"
		}
		if e.Code == CodeAuthenticationFailed || e.Code == CodeUnauthorized {
			e.Err = ErrAuth
		}
	case len(r.WriteErrors) > 0:
		e.Code, e.Message = r.WriteErrors[0].Code, r.WriteErrors[0].ErrMsg
	case r.WriteConcern != nil: // done on the primary, but a failover may still undo it
		e.Code, e.Name, e.Message, e.Outcome = r.WriteConcern.Code, r.WriteConcern.CodeName, r.WriteConcern.ErrMsg, op.Unknown
	default:
		return nil
	}
	return e
}

func commandName(cmd bson.D) string {
	if len(cmd) == 0 {
		return "an empty command"
	}
	return cmd[0].Key
}
