package issm

import (
	"fmt"
	"strconv"
	"strings"

	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
)

// kpiFunction judges a KPI on paper.
const kpiFunction = `
# judge_kpi NAME LEAST MOST FALL RISE [BEFORE]: whether the one number that is read is good; - is no limit, FALL and RISE are
# percent of the number in BEFORE, which has lines NAME NUMBER
judge_kpi() {
  BEFORE="$6" awk -v n="$1" -v least="$2" -v most="$3" -v fall="$4" -v rise="$5" '
    function is(x) { return x ~ /^[-+]?[0-9]+([.][0-9]+)?([eE][-+]?[0-9]+)?$/ }
    NF { k++; v = $1; if (NF > 1 || !is(v)) odd = 1 }
    END { if (k != 1 || odd) { print "NOT one number"; exit }
      v += 0; m = split(ENVIRON["BEFORE"], l, /\n/)
      for (i = 1; i <= m; i++) if (split(l[i], f, / /) == 2 && f[1] == n && is(f[2])) { b = f[2] + 0; known = 1 }
      if ((fall != "-" || rise != "-") && !known) { print "NOT known before"; exit }
      s = b < 0 ? -b : b
      bad = least != "-" && v < least + 0 || most != "-" && v > most + 0
      bad = bad || fall != "-" && v < b - s * fall / 100 || rise != "-" && v > b + s * rise / 100
      print bad ? "BAD: " v : "good" }'
}`

// onPaper is the look at a KPI that the operator types.
func (w kpis) onPaper(k KPI, looks int, relative bool) evenkeel.Block {
	limit := func(v *float64, use bool) string {
		if v == nil || !use {
			return "-"
		}
		return strconv.FormatFloat(*v, 'g', -1, 64)
	}
	script := fmt.Sprintf("%s | judge_kpi %s %s %s %s %s", evenkeel.Typed(k.cmd()), k.Name, limit(k.AtLeast, true), limit(k.AtMost, true),
		limit(k.MayFall, relative), limit(k.MayRise, relative))
	if relative && (k.MayFall != nil || k.MayRise != nil) {
		script += " " + factKPIs.Ref()
	}
	return evenkeel.Block{Host: w.host(k), Script: script, Shows: []string{"good"},
		Text: strings.ToUpper(w.often(looks)[:1]) + w.often(looks)[1:] + "."}
}

// notePaper notes the KPIs in a variable, as lines NAME NUMBER.
func (w kpis) notePaper(variable string) evenkeel.Block {
	var list []string
	for _, k := range w.list {
		list = append(list, fmt.Sprintf("echo %s $(ssh %s %s)", k.Name, w.host(k), shellescape.Quote(evenkeel.Typed(k.cmd()))))
	}
	return evenkeel.Block{Host: evenkeel.OperatorHost, Script: variable + "=$(" + strings.Join(list, "; ") + ") && declare -p " + variable}
}

// paperFunctions are the functions that the operator pastes who follows the runbook by hand.
func (m *Migration) paperFunctions() string {
	if len(m.cfg.KPIs) == 0 {
		return steps.PaperFunctions
	}
	return steps.PaperFunctions + kpiFunction
}
