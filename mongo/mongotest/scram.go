package mongotest

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/evenkeel-ha/evenkeel/internal/replsim"
)

// scramMechanism is the only one that a simulated server knows (https://www.rfc-editor.org/rfc/rfc7677).
const scramMechanism = "SCRAM-SHA-256"

const scramRounds = 4096

// scram is one authentication under way: what has been said so far, and the keys that the password makes.
type scram struct {
	nonce     string
	said      string // client-first-bare and server-first
	salted    []byte
	confirmed bool
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// scramFields are the comma-separated fields of a message.
func scramFields(message string) map[byte]string {
	fields := map[byte]string{}
	for part := range strings.SplitSeq(message, ",") {
		if len(part) > 1 && part[1] == '=' {
			fields[part[0]] = part[2:]
		}
	}
	return fields
}

func (s *Set) saslStart(q request) (bson.D, error) {
	if m, _ := q.cmd.Lookup("mechanism").StringValueOK(); m != scramMechanism {
		return nil, refuse(codeBadValue, "Received authentication for mechanism %s which is not enabled", m)
	}
	message, err := payload(q)
	if err != nil {
		return nil, err
	}
	bare, ok := strings.CutPrefix(message, "n,,")
	f := scramFields(bare)
	arbiter := s.sim.StateOf(q.host) == replsim.Arbiter // it holds no data, hence no users
	if !ok || arbiter || s.opt.User == nil || f['n'] != s.opt.User.User || q.db != s.opt.User.Database() {
		return nil, refuse(codeAuthFailed, "Authentication failed.")
	}
	random := make([]byte, 18+16)
	if _, err := rand.Read(random); err != nil {
		return nil, err
	}
	salt := random[18:]
	a := &scram{nonce: f['r'] + base64.StdEncoding.EncodeToString(random[:18])}
	if a.salted, err = pbkdf2.Key(sha256.New, s.opt.User.Password.Reveal(), salt, scramRounds, sha256.Size); err != nil {
		return nil, err
	}
	first := fmt.Sprintf("r=%s,s=%s,i=%d", a.nonce, base64.StdEncoding.EncodeToString(salt), scramRounds)
	a.said = bare + "," + first
	q.session.scram = a
	return saslReply(first, false), nil
}

func (s *Set) saslContinue(q request) (bson.D, error) {
	a := q.session.scram
	if a == nil {
		return nil, refuse(codeAuthFailed, "No SASL session state found")
	}
	message, err := payload(q)
	if err != nil {
		return nil, err
	}
	if a.confirmed { // the client has nothing to add
		q.session.user, q.session.scram = s.opt.User.User, nil
		return saslReply("", true), nil
	}
	without, proof, _ := strings.Cut(message, ",p=")
	said := a.said + "," + without
	client := mac(a.salted, "Client Key")
	stored := sha256.Sum256(client)
	want := mac(stored[:], said)
	subtle.XORBytes(want, want, client)
	got, err := base64.StdEncoding.DecodeString(proof)
	if err != nil || scramFields(without)['r'] != a.nonce || subtle.ConstantTimeCompare(got, want) != 1 {
		q.session.scram = nil
		return nil, refuse(codeAuthFailed, "Authentication failed.")
	}
	a.confirmed = true
	return saslReply("v="+base64.StdEncoding.EncodeToString(mac(mac(a.salted, "Server Key"), said)), false), nil
}

func payload(q request) (string, error) {
	_, data, ok := q.cmd.Lookup("payload").BinaryOK()
	if !ok {
		return "", refuse(codeTypeMismatch, "payload must be binary")
	}
	return string(data), nil
}

func saslReply(message string, done bool) bson.D {
	return bson.D{{Key: "conversationId", Value: int32(1)}, {Key: "done", Value: done},
		{Key: "payload", Value: primitive.Binary{Data: []byte(message)}}}
}
