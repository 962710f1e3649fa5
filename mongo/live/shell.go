package live

import (
	"context"
	_ "embed" // the script
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"

	"github.com/evenkeel-ha/evenkeel/internal/op"
)

// Shell runs a script in the mongo shell or in mongosh, connected to one member, on a machine from which that member
// can be reached. It is for sites where the driver cannot reach the port. Package sshexec's runners are what it is
// mostly made of: see the example of [ShellDialer].
//
// The script goes to the shell's standard input, never into an argument: it may hold a password. Nothing may log it.
type Shell func(ctx context.Context, call ShellCall) (ShellResult, error)

// ShellCall is one run of the shell: mongo --quiet --host HOST, or mongosh --quiet
// mongodb://HOST/?directConnection=true, with the script on its standard input. It shows the member and the command's
// name, and never the script, however it is printed.
type ShellCall struct {
	Host    string // "host:port" of the member
	Command string // name of the command
	Effect  op.Effect
	script  string
}

// Script is the standard input for the shell. It may hold a password.
func (c ShellCall) Script() string { return c.script }

// String is the call without its script.
func (c ShellCall) String() string { return fmt.Sprintf("mongo shell on %s: %s", c.Host, c.Command) }

// GoString is String.
func (c ShellCall) GoString() string { return c.String() }

// Format writes String for every verb.
func (c ShellCall) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(c.String())) }

// LogValue is String.
func (c ShellCall) LogValue() slog.Value { return slog.StringValue(c.String()) }

// ShellResult is what became of a call. Stdout counts whatever the outcome; an exit status other than 0 is no error of the Shell's.
type ShellResult struct {
	Stdout  string
	Outcome op.Outcome
}

// ShellDialer connects through the mongo shell: every command is a run of it, so that nothing stays open between. Credential may be nil.
//
// Numbers pass through the shell as JavaScript has them: the older shell gives an int for a double without fraction.
func ShellDialer(shell Shell, credential *Credential) Dialer {
	return func(_ context.Context, host string) (Conn, error) {
		return &shellConn{shell: shell, host: host, credential: credential}, nil
	}
}

type shellConn struct {
	shell      Shell
	host       string
	credential *Credential
}

func (c *shellConn) Close(context.Context) error { return nil }

//go:embed shellscript.js
var shellScript string

// RunCommand runs the command in a shell of its own.
func (c *shellConn) RunCommand(ctx context.Context, db string, cmd bson.D) (bson.Raw, error) {
	e := &CommandError{Host: c.host, Command: commandName(cmd), Outcome: op.NotStarted}
	script, err := c.scriptFor(db, cmd)
	if err != nil {
		e.Message, e.Err = "cannot write it for the shell", err
		return nil, e
	}
	call := ShellCall{Host: c.host, Command: commandName(cmd), Effect: effectOf(commandName(cmd)), script: script}
	res, err := c.shell(ctx, call)
	a, perr := parseShellReply(res.Stdout)
	switch {
	case err != nil:
		e.Outcome, e.Message, e.Err = res.Outcome, "the shell", err
		if a.started {
			e.Outcome = op.Unknown
		}
	case perr != nil:
		e.Outcome, e.Message, e.Err = op.Unknown, "cannot read what the shell printed", perr
	case a.auth:
		e.Message, e.Err = "", ErrAuth
	case a.reply != nil:
		return a.reply, nil
	case a.lost != "":
		e.Outcome, e.Message = op.Unknown, "the shell lost its connection: "+a.lost
	case !a.started && res.Outcome == op.Exited:
		e.Message = "the shell ended before it was sent"
	default:
		e.Outcome, e.Message = op.Unknown, "the shell ended without an answer"
	}
	if c.credential != nil && c.credential.Password != "" {
		e.Message = strings.ReplaceAll(e.Message, c.credential.Password.Reveal(), hidden)
	}
	return nil, e
}

// scriptFor is the script on one line, since a shell that reads its standard input takes one line at a time.
func (c *shellConn) scriptFor(db string, cmd bson.D) (string, error) {
	text, err := jsDocument(cmd)
	if err != nil {
		return "", err
	}
	auth := ""
	if c.credential != nil {
		auth = fmt.Sprintf(`try { if (!db.getSiblingDB(%s).auth({"user": %s, "pwd": %s})) { put({"auth": false}); return; } } catch (e) { put({"auth": false}); return; }`,
			jsString(c.credential.Database()), jsString(c.credential.User), jsString(c.credential.Password.Reveal()))
	}
	lines := strings.Split(shellScript, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	script := strings.TrimSpace(strings.Join(lines, " ")) // no line ends where JavaScript would put in a semicolon
	return strings.NewReplacer("AUTH", auth, "DATABASE", jsString(db), "COMMAND", text).Replace(script) + "\n", nil
}

func jsString(s string) string {
	data, err := json.Marshal(s) // also escapes the line separators that JavaScript knows and JSON does not
	if err != nil {              // a string always has a JSON form
		panic(err)
	}
	return string(data)
}

// jsDocument is a document as both shells read it.
func jsDocument(d bson.D) (string, error) {
	data, err := bson.Marshal(d)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = writeJS(&b, bson.RawValue{Type: bson.TypeEmbeddedDocument, Value: data})
	return b.String(), err
}

// writeJS writes a value as both shells read it.
func writeJS(b *strings.Builder, v bson.RawValue) error {
	switch v.Type {
	case bson.TypeEmbeddedDocument, bson.TypeArray:
		return writeJSDocument(b, v)
	case bson.TypeString:
		b.WriteString(jsString(v.StringValue()))
	case bson.TypeBoolean:
		b.WriteString(strconv.FormatBool(v.Boolean()))
	case bson.TypeNull:
		b.WriteString("null")
	case bson.TypeInt32:
		fmt.Fprintf(b, "NumberInt(%d)", v.Int32())
	case bson.TypeInt64:
		fmt.Fprintf(b, "NumberLong(%q)", strconv.FormatInt(v.Int64(), 10))
	case bson.TypeDouble:
		f := v.Double()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Errorf("%v is no number for the shell", f)
		}
		b.WriteString(strconv.FormatFloat(f, 'g', -1, 64))
	case bson.TypeTimestamp:
		t, i := v.Timestamp()
		fmt.Fprintf(b, "Timestamp(%d, %d)", t, i)
	case bson.TypeDateTime:
		fmt.Fprintf(b, "new Date(%d)", v.DateTime())
	case bson.TypeObjectID:
		fmt.Fprintf(b, "ObjectId(%q)", v.ObjectID().Hex())
	case bson.TypeBinary:
		sub, data := v.Binary()
		fmt.Fprintf(b, "BinData(%d, %q)", sub, base64.StdEncoding.EncodeToString(data))
	default:
		return fmt.Errorf("a %s cannot be written for the shell", v.Type)
	}
	return nil
}

func writeJSDocument(b *strings.Builder, v bson.RawValue) error {
	elements, err := bson.Raw(v.Value).Elements()
	if err != nil {
		return err
	}
	open, end := "{", "}"
	if v.Type == bson.TypeArray {
		open, end = "[", "]"
	}
	if err := checkLiteral(v.Type, elements); err != nil {
		return err
	}
	b.WriteString(open)
	for i, e := range elements {
		if i > 0 {
			b.WriteString(", ")
		}
		if v.Type != bson.TypeArray {
			b.WriteString(jsString(e.Key()) + ": ")
		}
		if err := writeJS(b, e.Value()); err != nil {
			return fmt.Errorf("%s: %w", e.Key(), err)
		}
	}
	b.WriteString(end)
	return nil
}

// checkLiteral refuses a document that JavaScript would make another one of: an object literal has each name once, puts
// those that are numbers first, and takes __proto__ for something else.
func checkLiteral(t bsontype.Type, elements []bson.RawElement) error {
	if t == bson.TypeArray {
		return nil
	}
	seen := map[string]bool{}
	last := int64(-1) // the number that is the name before; none may follow another name
	for _, e := range elements {
		key := e.Key()
		n, err := strconv.ParseInt(key, 10, 64)
		number := err == nil && n >= 0 && n <= math.MaxUint32 && strconv.FormatInt(n, 10) == key
		switch {
		case seen[key], key == "__proto__", number && n <= last:
			return fmt.Errorf("the shell would read the field %q otherwise", key)
		case number:
			last = n
		default:
			last = math.MaxInt64
		}
		seen[key] = true
	}
	return nil
}

// shellReply is what a run of the shell has printed.
type shellReply struct {
	started bool
	auth    bool // the credentials were refused
	lost    string
	reply   bson.Raw
}

// replyMarker begins what the script prints, so that prompts, banners and warnings cannot be taken for it.
const replyMarker = "evenkeel-reply {"

func parseShellReply(out string) (a shellReply, err error) {
	for line := range strings.Lines(out) {
		_, text, ok := strings.Cut(line, replyMarker)
		if !ok {
			continue
		}
		text = strings.TrimSpace("{" + text)
		var what map[string]json.RawMessage
		if err := json.Unmarshal([]byte(text), &what); err != nil {
			return a, fmt.Errorf("%.40q: %w", text, err)
		}
		keys := make([]string, 0, 1)
		for k := range what {
			keys = append(keys, k)
		}
		switch {
		case a.reply != nil || a.lost != "" || a.auth:
			return a, errors.New("something comes after the answer")
		case slices.Equal(keys, []string{"started"}):
			a.started = true
		case slices.Equal(keys, []string{"auth"}):
			a.auth = true
		case slices.Equal(keys, []string{"lost"}):
			if err := json.Unmarshal(what["lost"], &a.lost); err != nil {
				return a, err
			}
			a.lost = strings.TrimSpace(a.lost)
			if a.lost == "" {
				a.lost = "it does not say why"
			}
		case slices.Equal(keys, []string{"reply"}):
			if a.reply, err = replyDocument(what["reply"]); err != nil {
				return a, err
			}
		default:
			return a, fmt.Errorf("%.40q is no answer", text)
		}
	}
	return a, nil
}

// replyDocument reads Extended JSON (https://www.mongodb.com/docs/manual/reference/mongodb-extended-json/).
func replyDocument(text []byte) (bson.Raw, error) {
	var d bson.D
	if err := bson.UnmarshalExtJSON(text, true, &d); err != nil {
		return nil, err
	}
	return bson.Marshal(d)
}
