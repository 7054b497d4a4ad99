package sdgo_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A file is read in one sitting, and a function fits on a screen.
const (
	fileLines = 300
	funcLines = 60
)

// reason is what the comment of a longer function begins its reason with.
var reason = regexp.MustCompile(`(?i)in\s+one\s+piece:`)

// No Go file but generated ones is longer than fileLines, and no function longer than
// funcLines without a reason at its head.
func TestLimits(t *testing.T) {
	files, longest := 0, 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go":
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, source, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil || ast.IsGenerated(file) {
			return err
		}
		files++
		path = filepath.ToSlash(path)
		lines := bytes.Count(source, []byte("\n"))
		longest = max(longest, lines)
		assert.LessOrEqual(t, lines, fileLines, "lines of %s", path)
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && !reason.MatchString(f.Doc.Text()) {
				length := set.Position(f.End()).Line - set.Position(f.Pos()).Line + 1
				assert.LessOrEqual(t, length, funcLines, "lines of %s in %s, whose comment has no reason", f.Name.Name, path)
			}
		}
		return nil
	})
	require.NoError(t, err)
	assert.Greater(t, files, 100)
	assert.Greater(t, longest, fileLines/2)
}
