package manager

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
)

// Where IML keeps its state: of the manager, and of an agent the address of its manager (the file's name is base64 of
// "server").
const (
	stateDir    = "/var/lib/chroma"
	agentServer = stateDir + "/settings/c2VydmVy"
	authority   = stateDir + "/authority.crt" // by which the manager's own certificate is known
)

// patience is how long IML may take to answer after it was started.
const patience = 15 * time.Minute

// curl asks the manager's web server by the name that the servers use, on the manager itself.
func (m *Manager) curl(paths ...string) []string {
	argv := []string{"curl", "--fail", "--silent", "--show-error", "--cacert", authority}
	for _, p := range paths {
		argv = append(argv, "https://"+m.Config.Host+p)
	}
	return argv
}

// The objects that IML is asked for; lists are those that must not get lost, power those of fencing.
var (
	lists = []string{"host", "filesystem", "target"}
	power = []string{"power_control_device", "power_control_device_outlet"}
)

// asks has IML list objects.
func (m *Manager) asks(id, title string, objects []string) evenkeel.Action {
	paths := make([]string, len(objects))
	for i, o := range objects {
		paths[i] = "/api/" + o + "/?limit=1"
	}
	return evenkeel.Look(id, title, m.curl(paths...)...)
}

// notes makes a fact of how many objects IML lists.
func (m *Manager) notes(id, title string, objects []string, fact evenkeel.Fact[string]) evenkeel.Action {
	a := m.asks(id, title, objects)
	a.Makes = []evenkeel.Make{fact.From(func(o evenkeel.Observed) (string, error) { return totals(o, len(objects)) }).
		Typed(evenkeel.Typed(a.Cmd) + fmt.Sprintf(" | counts %d", len(objects)))}
	return a
}

// lists wants IML to list as many objects as before.
func (m *Manager) listsAsBefore(id, title string, objects []string, fact evenkeel.Fact[string]) evenkeel.Action {
	a := m.asks(id, title, objects).Until(patience, "as many as before, $"+fact.Variable(),
		func(o evenkeel.Observed) error {
			was, err1 := fact.Get(o.Facts)
			is, err2 := totals(o, len(objects))
			switch {
			case err1 != nil:
				return err1
			case err2 != nil:
				return evenkeel.NotYet(10*time.Second, "%v", err2)
			case is != was:
				return fmt.Errorf("IML lists %s of %s, and listed %s before", is, strings.Join(objects, ", "), was)
			}
			return nil
		})
	return showsFact(a, fmt.Sprintf("| counts %d", len(objects)), fact.Ref())
}

// totals are the numbers of objects in so many answers of IML's API, one document each.
func totals(o evenkeel.Observed, answers int) (string, error) {
	if err := o.Succeeded(); err != nil {
		return "", err
	}
	var numbers []string
	for dec := json.NewDecoder(bytes.NewReader(o.Stdout)); dec.More(); {
		var answer struct {
			Meta struct {
				Total *int `json:"total_count"`
			} `json:"meta"`
		}
		if err := dec.Decode(&answer); err != nil {
			return "", fmt.Errorf("what IML answers is no JSON: %w", err)
		}
		if answer.Meta.Total == nil {
			return "", errors.New("an answer of IML has no total_count")
		}
		numbers = append(numbers, strconv.Itoa(*answer.Meta.Total))
	}
	if len(numbers) != answers {
		return "", fmt.Errorf("IML gave %d answers, not %d", len(numbers), answers)
	}
	return strings.Join(numbers, " "), nil
}

// webUI waits until the web interface answers.
func (m *Manager) webUI(id string) evenkeel.Action {
	a := evenkeel.Look(id, "Wait until the web interface answers", m.curl("/ui/")...).
		Until(patience, "a page of HTML", func(o evenkeel.Observed) error {
			if err := o.Succeeded(); err != nil {
				return evenkeel.NotYet(10*time.Second, "%v", err)
			}
			if !bytes.Contains(bytes.ToLower(o.Stdout), []byte("<html")) {
				return errors.New("what answers is no page of HTML")
			}
			return nil
		})
	return shows(a, "| grep -oi '<html' | head -n 1 | tr A-Z a-z", "<html")
}

// release wants a package in a version.
func release(id, name, version string) evenkeel.Action {
	a := evenkeel.Look(id, "Verify that IML "+version+" is installed", "rpm", "-q", "--queryformat", `%{VERSION}\n`, name).
		Expecting(version, evenkeel.Says(version))
	return shows(a, "", version)
}

// named wants the machine to have the name that the servers use for the manager (LUS-057).
func (m *Manager) named(id string) evenkeel.Action {
	a := evenkeel.Look(id, "Verify the full name of the machine", "hostname", "--fqdn").From("lustre:343").
		Expecting(m.Config.Host, evenkeel.Says(m.Config.Host))
	return shows(a, "", m.Config.Host)
}

// knownAs wants a server to know the manager by the name that stands in the repositories' addresses (LUS-057).
func (m *Manager) knownAs(server string) evenkeel.Action {
	a := evenkeel.Look("name-"+server, "Verify the name by which "+server+" knows the manager", "cat", agentServer).
		On(server).
		From("lustre:343").Expecting("the address of "+m.Config.Host, evenkeel.Succeeding(func(o evenkeel.Observed) error {
		var settings struct {
			URL string `json:"url"`
		}
		if err := json.Unmarshal(o.Stdout, &settings); err != nil {
			return fmt.Errorf("%s is not understood: %w", agentServer, err)
		}
		u, err := url.Parse(settings.URL)
		if err != nil || u.Hostname() != m.Config.Host {
			return fmt.Errorf("%s reaches the manager at %q, and host is %s. Correct host: it stands in the addresses of the "+
				"repositories",
				server, settings.URL, m.Config.Host)
		}
		return nil
	}))
	return shows(a, `| grep -oE '"url": *"https?://[^/":]*' | sed 's,.*/,,'`, m.Config.Host)
}
