package live

import (
	"errors"
	"fmt"
	"log/slog"

	"go.mongodb.org/mongo-driver/bson/bsontype"
)

// Credential is what every call to a set with db_authentication needs (cps:390-392). It shows the user and never the
// password, in whatever way it is printed, logged or encoded.
type Credential struct {
	User     string
	Password Password
	Source   string // the database that holds the user; "" is "admin"
}

// Password shows itself to nobody; see Reveal.
type Password string

const hidden = "[redacted]"

// Reveal gives the password, to be handed to a server. It belongs in no argument, error, log or journal.
func (p Password) Reveal() string { return string(p) }

// String is "[redacted]".
func (p Password) String() string { return hidden }

// GoString is "[redacted]".
func (p Password) GoString() string { return hidden }

// Format writes "[redacted]" for every verb.
func (p Password) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(hidden)) }

// LogValue is "[redacted]".
func (p Password) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText is "[redacted]".
func (p Password) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// MarshalBSONValue refuses: a password has no place in a document.
func (p Password) MarshalBSONValue() (bsontype.Type, []byte, error) {
	return 0, nil, errors.New("a password is not written to documents")
}

// Database is the database that holds the user.
func (c Credential) Database() string {
	if c.Source == "" {
		return "admin"
	}
	return c.Source
}
