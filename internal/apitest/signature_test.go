package apitest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// module is the path of this module, and internal that of what its users cannot import.
const (
	module   = "sdgo/"
	internal = module + "internal/"
)

// No function, method, field, variable or type that users see is made of a type that they
// cannot name.
func TestNoInternalTypes(t *testing.T) {
	load, public := exportData(t)
	require.Greater(t, len(public), 7)
	for _, path := range public {
		pkg, err := load.Import(path)
		require.NoError(t, err)
		assert.Empty(t, hidden(pkg), path)
	}
}

// The search finds a type wherever it may hide.
func TestHiddenTypes(t *testing.T) {
	inside := types.NewPackage(internal+"inside", "inside")
	secret := types.NewNamed(types.NewTypeName(token.NoPos, inside, "Secret", nil), types.NewStruct(nil, nil), nil)
	open := types.NewPackage(module+"open", "open")
	declare := func(name string, underlying types.Type) *types.Named {
		n := types.NewNamed(types.NewTypeName(token.NoPos, open, name, nil), underlying, nil)
		open.Scope().Insert(n.Obj())
		return n
	}
	field := func(name string, typ types.Type) *types.Var {
		return types.NewField(token.NoPos, open, name, typ, false)
	}
	parameters := func(list ...types.Type) *types.Tuple {
		var vars []*types.Var
		for _, typ := range list {
			vars = append(vars, types.NewParam(token.NoPos, open, "", typ))
		}
		return types.NewTuple(vars...)
	}
	takes := types.NewSignatureType(nil, nil, nil, parameters(types.NewSlice(types.NewPointer(secret))), nil, false)
	declare("Fields", types.NewStruct([]*types.Var{field("Seen", types.NewMap(types.Typ[types.String], secret)), field("unseen", secret)}, nil))
	declare("Embeds", types.NewStruct([]*types.Var{types.NewField(token.NoPos, open, "Secret", secret, true)}, nil))
	methods := declare("Methods", types.NewStruct([]*types.Var{field("unseen", secret)}, nil))
	for _, name := range []string{"Takes", "takes"} {
		receiver := types.NewVar(token.NoPos, open, "m", types.NewPointer(methods))
		methods.AddMethod(types.NewFunc(token.NoPos, open, name, types.NewSignatureType(receiver, nil, nil, takes.Params(), nil, false)))
	}
	declare("Interface", types.NewInterfaceType([]*types.Func{types.NewFunc(token.NoPos, open, "Takes", takes)}, nil).Complete())
	declare("unseen", types.NewStruct([]*types.Var{field("Seen", secret)}, nil))
	open.Scope().Insert(types.NewFunc(token.NoPos, open, "Function", types.NewSignatureType(nil, nil, nil, nil, parameters(types.NewChan(types.SendRecv, secret)), false)))
	open.Scope().Insert(types.NewVar(token.NoPos, open, "Variable", types.NewArray(secret, 3)))
	open.Scope().Insert(types.NewTypeName(token.NoPos, open, "Alias", nil))
	types.NewAlias(open.Scope().Lookup("Alias").(*types.TypeName), secret)

	const what = "sdgo/internal/inside.Secret"
	assert.Equal(t, []string{
		"Alias: " + what, "Embeds.Secret: " + what, "Fields.Seen: " + what, "Function: " + what,
		"Interface.Takes: " + what, "Methods.Takes: " + what, "Variable: " + what,
	}, hidden(open))
}

// exportData returns what the compiler says of packages, and the paths of the public ones.
func exportData(t *testing.T) (load types.Importer, public []string) {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-export", "-deps", "-json=ImportPath,Export", module+"...")
	var stderr bytes.Buffer
	list.Stderr = &stderr
	out, err := list.Output()
	require.NoError(t, err, stderr.String())
	files := map[string]string{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct{ ImportPath, Export string }
		if err := d.Decode(&p); err == io.EOF {
			break
		}
		require.NoError(t, err)
		files[p.ImportPath] = p.Export
		if strings.HasPrefix(p.ImportPath, module) && !strings.Contains(p.ImportPath, "internal") && !strings.Contains(p.ImportPath, "/examples") {
			public = append(public, p.ImportPath)
		}
	}
	lookup := func(path string) (io.ReadCloser, error) { return os.Open(files[path]) }
	return importer.ForCompiler(token.NewFileSet(), "gc", lookup), public
}

// hidden returns what a package exports that is made of internal types.
func hidden(pkg *types.Package) []string {
	found := map[string]bool{}
	for _, name := range pkg.Scope().Names() {
		object := pkg.Scope().Lookup(name)
		if !object.Exported() {
			continue
		}
		declared, ok := object.(*types.TypeName)
		if !ok {
			note(found, name, object.Type())
			continue
		}
		if declared.IsAlias() {
			note(found, name, types.Unalias(declared.Type()))
			continue
		}
		named := declared.Type().(*types.Named)
		for m := range named.Methods() {
			if m.Exported() {
				note(found, name+"."+m.Name(), m.Type())
			}
		}
		members(found, name, named.Underlying())
	}
	return slices.Sorted(maps.Keys(found))
}

// members notes what the type called name shows of itself.
func members(found map[string]bool, name string, underlying types.Type) {
	switch u := underlying.(type) {
	case *types.Struct:
		for f := range u.Fields() {
			if f.Exported() {
				note(found, name+"."+f.Name(), f.Type())
			}
		}
	case *types.Interface:
		for m := range u.Methods() {
			if m.Exported() {
				note(found, name+"."+m.Name(), m.Type())
			}
		}
	default:
		note(found, name, u)
	}
}

// note notes the internal types that a type is made of.
func note(found map[string]bool, name string, typ types.Type) {
	visit(typ, func(o *types.TypeName) {
		if o.Pkg() != nil && strings.HasPrefix(o.Pkg().Path(), internal) {
			found[fmt.Sprintf("%s: %s.%s", name, o.Pkg().Path(), o.Name())] = true
		}
	})
}

// visit calls f for the named types that a type is made of. Those of the module's public
// packages are looked at where they are declared.
func visit(typ types.Type, f func(*types.TypeName)) {
	tuple := func(t *types.Tuple) {
		for v := range t.Variables() {
			visit(v.Type(), f)
		}
	}
	arguments := func(list *types.TypeList) {
		for t := range list.Types() {
			visit(t, f)
		}
	}
	switch t := typ.(type) {
	case *types.Alias:
		f(t.Obj())
		arguments(t.TypeArgs())
		visit(t.Rhs(), f)
	case *types.Named:
		f(t.Obj())
		arguments(t.TypeArgs())
	case *types.Signature:
		tuple(t.Params())
		tuple(t.Results())
	case *types.Map:
		visit(t.Key(), f)
		visit(t.Elem(), f)
	case interface{ Elem() types.Type }: // pointers, slices, arrays, channels
		visit(t.Elem(), f)
	case *types.Struct:
		for v := range t.Fields() {
			visit(v.Type(), f)
		}
	case *types.Interface:
		for m := range t.Methods() {
			visit(m.Type(), f)
		}
	}
}
