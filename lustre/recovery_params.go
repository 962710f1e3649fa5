package lustre

import (
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// What decides beforehand how long a recovery may take, as `lctl get_param` shows it.

// RecoveryTimes are the limits of a target's recovery.
type RecoveryTimes struct {
	// Soft is how long it lasts where not every client comes back (recovery_time_soft; 300 s by default). A client that
	// comes back late extends it, up to Hard (recovery_time_hard; 900 s by default). Both begin with the first client.
	Soft, Hard time.Duration
	// Factor is by how much imperative recovery shortens it, in tenths (ir_factor; 5 by default); 0 where it is not told.
	Factor int
}

var recoveryTimeName = regexp.MustCompile(`^[a-z0-9_-]+\.[^ =.]+\.(recovery_time_soft|recovery_time_hard|ir_factor)=`)

// ParseRecoveryTimes reads what `lctl get_param *.*.recovery_time_* *.*.ir_factor` prints, by the target:
//
//	obdfilter.demo-OST0000.recovery_time_hard=900
//
// A target of which one of the two times is missing is an error.
func ParseRecoveryTimes(r io.Reader) (map[string]RecoveryTimes, error) {
	file, params, err := readParams(r, recoveryTimeName)
	if err != nil {
		return nil, err
	}
	times, soft, hard := map[string]RecoveryTimes{}, map[string]bool{}, map[string]bool{}
	for _, p := range params {
		m := recoveryTimeName.FindStringSubmatch(p.name + "=")
		if m == nil || len(p.value) != 1 {
			return nil, p.at(file, 0, "not NAME.TARGET.recovery_time_soft=SECONDS or the like")
		}
		target, err := recoveryTarget(strings.TrimSuffix(p.name, m[1]) + "recovery_status")
		if err != nil {
			return nil, p.misnamed(file, err)
		}
		t := times[target]
		switch m[1] {
		case "ir_factor":
			t.Factor, err = strconv.Atoi(p.value[0])
			if err == nil && (t.Factor < 0 || t.Factor > 10) {
				return nil, p.at(file, 0, "ir_factor is in tenths, from 0 to 10")
			}
		case "recovery_time_soft":
			t.Soft, err = seconds(p.value[0])
			soft[target] = true
		default:
			t.Hard, err = seconds(p.value[0])
			hard[target] = true
		}
		if err != nil {
			return nil, p.at(file, 0, "%w", err)
		}
		times[target] = t
	}
	for _, p := range params {
		target := strings.Split(p.name, ".")[1]
		if !soft[target] || !hard[target] {
			return nil, p.at(file, 0, "%s tells one of its recovery times and not the other", target)
		}
	}
	return times, nil
}

// ImperativeRecovery is what the MGS says of imperative recovery in a file system: whether it tells clients at once that
// a target is back. Else they find out by themselves, when a request has timed out.
type ImperativeRecovery struct {
	State IRState
	// Unable are the clients that cannot be told (nonir_clients).
	Unable int
}

// IRState is how far the MGS can tell clients.
type IRState string

// All of them.
const (
	IRFull     IRState = "full"     // every client can be told
	IRPartial  IRState = "partial"  // some cannot
	IRStartup  IRState = "startup"  // the MGS was just started, and not every client has come back to it
	IRDisabled IRState = "disabled" // none is told
)

var liveName = regexp.MustCompile(`^mgs\.MGS\.live\.[A-Za-z0-9_-]+=`)

// ParseImperativeRecovery reads what `lctl get_param mgs.MGS.live.*` prints on the node of the MGS, by file system. A
// list of which imperative recovery is not told, such as that of the parameters, is left out.
//
//	mgs.MGS.live.demo=
//	fsname: demo
//	…
//	imperative_recovery_state:
//	    state: full
//	    nonir_clients: 0
func ParseImperativeRecovery(r io.Reader) (map[string]ImperativeRecovery, error) {
	file, params, err := readParams(r, liveName)
	if err != nil {
		return nil, err
	}
	found := map[string]ImperativeRecovery{}
	for _, p := range params {
		if p.name == "" {
			return nil, p.at(file, 0, "not what lctl get_param prints of mgs.MGS.live")
		}
		name := strings.TrimPrefix(p.name, "mgs.MGS.live.")
		if len(p.value) == 0 || !strings.HasPrefix(p.value[0], "fsname: ") {
			return nil, p.at(file, 0, "the list of %s does not begin with its fsname", name)
		}
		ir, told, perr := parseIR(file, p)
		if perr != nil {
			return nil, perr
		}
		if told {
			found[name] = ir
		}
	}
	return found, nil
}

func parseIR(file string, p param) (ir ImperativeRecovery, told bool, _ error) {
	within, counted := false, false
	for i, line := range p.value {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		value = strings.TrimSpace(value)
		switch {
		case line == "imperative_recovery_state:":
			if within {
				return ir, false, p.at(file, i, "imperative recovery is told twice")
			}
			within, told = true, true
		case !within:
		case key == "state":
			ir.State = IRState(value)
			switch ir.State {
			case IRFull, IRPartial, IRStartup, IRDisabled:
			default:
				return ir, false, p.at(file, i, "%q is no state of imperative recovery that is known here", value)
			}
		case key == "nonir_clients":
			n, err := number(value)
			if err != nil {
				return ir, false, p.at(file, i, "%w", err)
			}
			ir.Unable, counted = n, true
		}
	}
	if told && (ir.State == "" || !counted) {
		return ir, false, p.at(file, 0, "imperative recovery is told without its state or its clients")
	}
	return ir, told, nil
}
