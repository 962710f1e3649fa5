package cps

import (
	"bytes"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Secret is a value that prints, logs and marshals as "[redacted]"; Reveal gives the text.
type Secret = sshexec.Secret

// Keys of Configuration.csv that the guide names (cps:387-393,655-657).
const (
	KeyDBAuthEnabled        = "db_authentication_enabled"
	KeyDBAuthAdminPasswd    = "db_authentication_admin_passwd"
	KeyDBAuthReadonlyPasswd = "db_authentication_readonly_passwd"
	KeyVCenterHostname      = "vcenter_hostname"
	KeyVCenterUser          = "vcenter_user"
	KeyVCenterPasswd        = "vcenter_passwd"
)

// Configuration is /var/qps/config/deploy/csv/Configuration.csv: rows of "key,value," (cps:387-393,655-657). A blank may follow the
// comma, the last comma may be missing, cells may stand in quotes. All keys and comments are kept, in their order.
type Configuration struct {
	File string // the name errors and findings give
	settings
}

// settings are the lines of a file of keys and values.
type settings struct {
	bom   string
	lines []*configLine
}

// configLine is one line as before + value + after: for a row, before ends with the first comma and what blanks follow it (or with
// the = of a KEY=VALUE), and after is the last comma and the line ending. The value is behind a function because fmt, which cannot
// call the methods of an unexported field, would print it otherwise.
type configLine struct {
	no     int
	key    string // empty for a comment or a blank line
	before string
	value  func() Secret
	after  string
}

func hidden(value Secret) func() Secret { return func() Secret { return value } }

// ParseConfiguration reads Configuration.csv. A line without a comma or without a key, a quote that is
// not closed on its line, or a key given twice, is an error; such an
// error never shows the line, which may hold a password.
func ParseConfiguration(r io.Reader) (*Configuration, error) {
	src, err := readSource(r, "Configuration.csv")
	if err != nil {
		return nil, err
	}
	c := &Configuration{File: src.name, settings: settings{bom: src.bom}}
	first := map[string]int{}
	for _, l := range src.lines {
		text := strings.TrimSpace(l.text)
		switch {
		case isPrompt(text) || isFence(text):
			continue
		case text == "" || strings.HasPrefix(text, "#") || strings.Trim(text, ", \t") == "":
			c.lines = append(c.lines, &configLine{no: l.no, before: l.text, value: hidden(""), after: l.eol})
			continue
		}
		head, tail, found := strings.Cut(l.text, ",")
		key := cellText(head)
		switch {
		case !found:
			src.failf(l.no, 1, "", "a row must be key,value, and this one has no comma (the text is not shown: it may be a secret)")
			continue
		case key == "":
			src.failf(l.no, 1, "", "a row must be key,value, and this one has no key (the text is not shown: it may be a secret)")
			continue
		case first[key] != 0:
			src.failf(l.no, 1, key, "key given twice, first on line %d", first[key])
			continue
		}
		first[key] = l.no
		value := strings.TrimRight(tail, " \t")
		value = strings.TrimRight(strings.TrimSuffix(value, ","), " \t")
		after := tail[len(value):]
		trimmed := strings.TrimLeft(value, " \t")
		before := head + "," + value[:len(value)-len(trimmed)]
		switch quotes := strings.Count(trimmed, `"`); {
		case strings.HasPrefix(trimmed, `"`) && quotes%2 == 1:
			src.failf(l.no, 1, "", "%w (the text is not shown: it may be a secret)", errOpenQuote)
			continue
		case quotes > 1 && strings.HasPrefix(trimmed, `"`) && strings.HasSuffix(trimmed, `"`):
			trimmed, before, after = trimmed[1:len(trimmed)-1], before+`"`, `"`+after
		}
		c.lines = append(c.lines, &configLine{no: l.no, key: key, before: before, value: hidden(Secret(trimmed)), after: after + l.eol})
	}
	if len(first) == 0 && len(src.errs) == 0 {
		src.failf(src.end(), 0, "", "no key,value, row")
	}
	if err := src.err(); err != nil {
		return nil, err
	}
	return c, nil
}

// Keys lists the keys in the order of the file, each once.
func (c *settings) Keys() []string {
	var keys []string
	for _, l := range c.lines {
		if l.key != "" && !slices.Contains(keys, l.key) {
			keys = append(keys, l.key)
		}
	}
	return keys
}

// Value is the value of a key; ok is false where the file has no such row.
func (c *settings) Value(key string) (value Secret, ok bool) {
	if l := c.find(key); l != nil {
		return l.value(), true
	}
	return "", false
}

// Text is the value of a key that is no secret; ok is false where the file has no such row, and for a key that IsSecretKey names.
// So it is for a db_authentication_enabled that is neither TRUE nor FALSE: the value may be the password of another row.
func (c *settings) Text(key string) (text string, ok bool) {
	l := c.find(key)
	if l == nil || IsSecretKey(key) {
		return "", false
	}
	text = l.value().Reveal()
	if key == KeyDBAuthEnabled && !strings.EqualFold(text, "TRUE") && !strings.EqualFold(text, "FALSE") {
		return "", false
	}
	return text, true
}

// Set changes the value of a key in its row, or adds a row "key,value," at the end.
func (c *Configuration) Set(key string, value Secret) {
	if l := c.find(key); l != nil {
		l.value = hidden(value)
		if !strings.ContainsAny(l.after, `,"`) {
			l.after = "," + l.after // a value that ends with a comma must not lose it when read again
		}
		return
	}
	if n := len(c.lines); n > 0 && !strings.HasSuffix(c.lines[n-1].after, "\n") {
		c.lines[n-1].after += "\n"
	}
	c.lines = append(c.lines, &configLine{no: len(c.lines) + 1, key: key, before: key + ",", value: hidden(value), after: ",\n"})
}

// find is the last row of a key: where a key may be given twice, it is the one that counts.
func (c *settings) find(key string) *configLine {
	for _, l := range slices.Backward(c.lines) {
		if l.key == key && key != "" {
			return l
		}
	}
	return nil
}

// WriteTo writes the file, secrets included: it is meant for the file itself and nothing else. What was not changed is as it was read.
func (c *settings) WriteTo(w io.Writer) (int64, error) {
	parts := []string{c.bom}
	for _, l := range c.lines {
		parts = append(parts, l.before, l.value().Reveal(), l.after)
	}
	return writeLines(w, parts...)
}

// String is the file with every secret shown as "[redacted]".
func (c *settings) String() string {
	var b bytes.Buffer
	for _, l := range c.lines {
		b.WriteString(l.before)
		if IsSecretKey(l.key) {
			b.WriteString(l.value().String())
		} else {
			b.WriteString(l.value().Reveal())
		}
		b.WriteString(l.after)
	}
	return b.String()
}

var secretKey = regexp.MustCompile(`(?i)pass|pwd|psw|(^|_)pw\d*($|_)|secret|psk|communit|token|credential|private|priv_|key$|_hash|auth_?key`)

// IsSecretKey tells the keys of Configuration.csv whose values are not shown. It errs on the side of hiding.
func IsSecretKey(key string) bool { return secretKey.MatchString(key) }

// Secrets are the values in the file that no text may show: register them with what shows texts, such as a runbook's Secrets.
func (c *settings) Secrets() []Secret {
	var list []Secret
	for _, l := range c.lines {
		if value := l.value(); IsSecretKey(l.key) && len(value) > 1 && !slices.Contains(list, value) {
			list = append(list, value)
		}
	}
	return list
}

// VCenter is how the deployment scripts reach vCenter (cps:650-658). Fields that the file does not give must be given at run time.
type VCenter struct {
	Hostname string
	User     string
	Password Secret
}

// VCenter reads the three vcenter rows; missing lists the keys to ask for at run time.
func (c *Configuration) VCenter() (v VCenter, missing []string) {
	for _, key := range []string{KeyVCenterHostname, KeyVCenterUser, KeyVCenterPasswd} {
		value, ok := c.Value(key)
		if !ok || value == "" {
			missing = append(missing, key)
			continue
		}
		switch key {
		case KeyVCenterHostname:
			v.Hostname = value.Reveal()
		case KeyVCenterUser:
			v.User = value.Reveal()
		case KeyVCenterPasswd:
			v.Password = value
		}
	}
	return v, missing
}

// Findings checks what must hold before a VMware cluster is migrated: db_authentication_enabled is present, and either FALSE or TRUE
// with both password rows (cps:387-393).
func (c *Configuration) Findings() []Finding {
	f := findings{file: c.File}
	enabled := c.find(KeyDBAuthEnabled)
	if enabled == nil {
		for _, key := range c.Keys() {
			if l := c.find(key); strings.HasPrefix(key, "db_auth") && key != KeyDBAuthAdminPasswd && key != KeyDBAuthReadonlyPasswd {
				f.add(Error, l.no, "CPS-012", "%s is no key that the guide has: is %s meant?", key, KeyDBAuthEnabled)
				return f.list
			}
		}
		advice := "add the row " + strconv.Quote(KeyDBAuthEnabled+", FALSE,")
		if c.find(KeyDBAuthAdminPasswd) != nil || c.find(KeyDBAuthReadonlyPasswd) != nil {
			advice = "add it, TRUE where the databases ask for these passwords, else FALSE"
		}
		f.add(Error, 0, "CPS-012", "%s is not present, and the migration fails without it; %s", KeyDBAuthEnabled, advice)
		return f.list
	}
	switch strings.ToUpper(enabled.value().Reveal()) {
	case "FALSE":
	case "TRUE":
		for _, key := range []string{KeyDBAuthAdminPasswd, KeyDBAuthReadonlyPasswd} {
			if l := c.find(key); l == nil || l.value() == "" {
				f.add(Error, enabled.no, "CPS-012", "%s is TRUE but %s has no value", KeyDBAuthEnabled, key)
			}
		}
	default:
		f.add(Error, enabled.no, "CPS-012", "%s must be FALSE or TRUE", KeyDBAuthEnabled)
	}
	return f.list
}
