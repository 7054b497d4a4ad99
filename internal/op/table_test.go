package op_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"sdgo/internal/kernel"
	"sdgo/internal/op"
	"sdgo/internal/op/optest"
)

// isaLog stands before the instruction set in the log of TestOperations.
const isaLog = "instruction set:"

// The tables hold with every lesser instruction set of this processor, too. Each is a
// process of its own: the kernels choose once.
func TestInstructionSets(t *testing.T) {
	best := kernel.ISA()
	build, _ := debug.ReadBuildInfo()
	switch raced := (debug.BuildSetting{Key: "-race", Value: "true"}); {
	case os.Getenv("SDGO_ISA") != "" || best == "generic":
		t.Skip("there is no other to choose: have", best)
	case build != nil && slices.Contains(build.Settings, raced):
		t.Skip("plain Go takes a minute with -race, and has no more goroutines than assembly")
	}
	for _, name := range []string{"generic", "avx2", "avx512", "vnni"} {
		lesser := name == "generic" || name == "avx2" && strings.HasPrefix(best, "avx512") || strings.HasPrefix(best, "avx512 ") && name == "avx512" ||
			name == "vnni" && strings.HasSuffix(best, "vnni bf16")
		if !lesser {
			continue
		}
		t.Run(name, func(t *testing.T) {
			table := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.short", "-test.run=^(TestOperations|TestGradients)$")
			table.Env = append(os.Environ(), "SDGO_ISA="+name)
			output, err := table.CombinedOutput()
			require.NoError(t, err, "%s", output)
			_, have, _ := strings.Cut(string(output), isaLog+" ")
			have, _, _ = strings.Cut(have, "\n")
			assert.True(t, strings.HasSuffix(have, name), "have %s", have)
		})
	}
}

// elsewhere are the operations that no row of the table makes, and the tests that do.
var elsewhere = map[string]string{
	"foreign":        "TestForeign of package engine",
	"groupNormGiven": "TestGroupNormGiven",
	"nearest":        "TestNearest", // whose derivative is not that of its values
	"normConv":       "TestNormConv",
}

// Every operation has a row in the table, or comes up in the derivative of one.
func TestEveryOperationHasARow(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range optest.Cases() {
		in := nodes(c.Shapes...)
		out, err := c.Make(in)
		require.NoError(t, err)
		var wrt G.Nodes
		for i, n := range in {
			if _, fixed := c.Fixed[i]; !fixed {
				wrt = append(wrt, n)
			}
		}
		_, err = G.Grad(G.Must(G.Sum(out)), wrt...)
		require.NoError(t, err, c.Name)
		for _, n := range in[0].Graph().AllNodes() {
			if o, ok := n.Op().(*op.Op); ok {
				seen[strings.TrimPrefix(fmt.Sprintf("%T", o.Operation), "op.")] = true
			}
		}
	}
	written := operationTypes(t)
	assert.Greater(t, len(written), 30)
	for _, name := range written {
		where, ok := elsewhere[name]
		assert.NotEqual(t, ok, seen[name], "%s: in the table: %v, elsewhere: %q", name, seen[name], where)
	}
}

// operationTypes returns the types of this package that have work.
func operationTypes(t *testing.T) (names []string) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == "Phases" && f.Recv != nil {
				names = append(names, fmt.Sprint(f.Recv.List[0].Type))
			}
		}
	}
	return names
}
