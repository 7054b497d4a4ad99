package pickle

import (
	"errors"
	"fmt"
	"strings"

	"sdgo/safetensors"
)

// path is where Python finds a global.
type path struct{ module, name string }

// globals is the closed list. What is called on loading makes a tensor, a dict or a list,
// or a value that nobody looks into.
var globals = func() map[path]*global {
	all := make(map[path]*global)
	add := func(call func(tuple) (any, error), module string, names ...string) {
		for _, name := range names {
			all[path{module, name}] = &global{module: module, name: name, call: call}
		}
	}
	add(rebuildTensor, "torch._utils", "_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3")
	add(rebuildParameter, "torch._utils", "_rebuild_parameter", "_rebuild_parameter_with_state")
	add(rebuildFromType, "torch._tensor", "_rebuild_from_type_v2")
	add(nil, "torch", "Tensor")
	add(nil, "torch.nn.parameter", "Parameter")
	add(makeSize, "torch", "Size")
	add(makeDict, "collections", "OrderedDict", "defaultdict")
	add(encode, "_codecs", "encode")
	for _, builtins := range []string{"builtins", "__builtin__"} { // of Python 3 and 2
		add(makeList, builtins, "set", "frozenset", "list")
		add(makeDict, builtins, "dict")
		add(nil, builtins, "int", "float", "bool", "str")
	}
	addStorages(all)
	addNumberTypes(all)

	// No looking into from here on, but for the state of a ParameterDict.
	opaque := func(module string, names ...string) {
		for _, name := range names {
			g := &global{module: module, name: name}
			g.call = func(tuple) (any, error) { return &object{class: g}, nil }
			all[path{module, name}] = g
		}
	}
	opaque(parameterDict.module, parameterDict.name)
	opaque("torch", "device")
	opaque("numpy", "dtype", "ndarray")
	for _, module := range []string{"numpy.core.multiarray", "numpy._core.multiarray"} { // before and since 2.0
		opaque(module, "scalar", "_reconstruct")
	}
	for _, lightning := range []string{"pytorch_lightning", "lightning.pytorch", "lightning_fabric", "lightning.fabric"} {
		opaque(lightning+".callbacks.model_checkpoint", "ModelCheckpoint")
		opaque(lightning+".callbacks.early_stopping", "EarlyStopping")
		add(makeDict, lightning+".utilities.parsing", "AttributeDict")
		add(makeDict, lightning+".utilities.data", "AttributeDict")
	}
	return all
}()

// parameterDict is the class in which the first files of textual inversions keep their
// tensors, among the "_parameters" of its state.
var parameterDict = path{"torch.nn.modules.container", "ParameterDict"}

// numberTypes are the types of numbers by their names in torch, and those of the classes
// of storages that are from before torch had types.
var numberTypes = []struct {
	storage, name string
	dtype         safetensors.DType
}{
	{"Float", "float32", safetensors.F32}, {"Double", "float64", safetensors.F64},
	{"Half", "float16", safetensors.F16}, {"BFloat16", "bfloat16", safetensors.BF16},
	{"Long", "int64", safetensors.I64}, {"Int", "int32", safetensors.I32},
	{"Short", "int16", safetensors.I16}, {"Char", "int8", safetensors.I8},
	{"Byte", "uint8", safetensors.U8}, {"Bool", "bool", safetensors.Bool},
	{"ComplexFloat", "complex64", safetensors.C64},
	{"", "uint16", safetensors.U16}, {"", "uint32", safetensors.U32}, {"", "uint64", safetensors.U64},
	{"", "float8_e4m3fn", safetensors.F8E4M3}, {"", "float8_e5m2", safetensors.F8E5M2},
	{"", "float8_e4m3fnuz", safetensors.F8E4M3FNUZ}, {"", "float8_e5m2fnuz", safetensors.F8E5M2FNUZ},
	{"", "float8_e8m0fnu", safetensors.F8E8M0},
}

// addStorages adds the classes of storages. One without a type counts bytes.
func addStorages(all map[path]*global) {
	add := func(module, name string, dtype safetensors.DType) {
		all[path{module, name}] = &global{module: module, name: name, dtype: dtype, storage: true}
	}
	for _, t := range numberTypes {
		if t.storage != "" {
			add("torch", t.storage+"Storage", t.dtype)
			add("torch.cuda", t.storage+"Storage", t.dtype)
		}
	}
	add("torch.storage", "UntypedStorage", safetensors.U8)
	add("torch", "UntypedStorage", safetensors.U8)
}

// addNumberTypes adds the types of numbers.
func addNumberTypes(all map[path]*global) {
	for _, t := range numberTypes {
		all[path{"torch", t.name}] = &global{module: "torch", name: t.name, dtype: t.dtype}
	}
}

// makeDict makes an empty dict, whatever it is to remember beside its entries: a
// defaultdict has the class of what is missing.
func makeDict(args tuple) (any, error) {
	for _, a := range args {
		if _, ok := a.(*global); !ok {
			return nil, fmt.Errorf("have %s as argument, want none or a class", kind(a))
		}
	}
	return &dict{}, nil
}

// makeList makes a list of what a list holds.
func makeList(args tuple) (any, error) {
	switch len(args) {
	case 0:
		return &list{}, nil
	case 1:
		if l, ok := args[0].(*list); ok {
			return l, nil
		}
	}
	return nil, errors.New("want a list as argument, or none")
}

// makeSize makes the tuple that torch.Size is.
func makeSize(args tuple) (any, error) {
	if len(args) == 1 {
		if sizes, ok := args[0].(tuple); ok {
			return sizes, nil
		}
	}
	return nil, errors.New("want a tuple as argument")
}

// encode makes bytes of a text whose characters they are, as protocol 2 writes bytes.
func encode(args tuple) (any, error) {
	if len(args) == 2 && args[1] == any("latin1") {
		if text, ok := args[0].(string); ok {
			var b strings.Builder
			for _, r := range text {
				if r > 0xff {
					return nil, fmt.Errorf("have the character %q, want one of Latin-1", r)
				}
				b.WriteByte(byte(r))
			}
			return octets(b.String()), nil
		}
	}
	return nil, errors.New(`want a text and "latin1" as arguments`)
}

// find puts a global of the closed list on the stack.
func (m *machine) find(module, name string) error {
	g := globals[path{module, name}]
	if g == nil {
		return fmt.Errorf("%.200q is refused: it is not needed to read tensors, and could run anything", module+"."+name)
	}
	return m.push(g)
}

func doGlobal(m *machine) error {
	module, err := m.line()
	if err != nil {
		return err
	}
	name, err := m.line()
	if err != nil {
		return err
	}
	return m.find(module, name)
}

func doStackGlobal(m *machine) error {
	v, err := m.popN(2)
	if err != nil {
		return err
	}
	module, ok1 := v[0].(string)
	name, ok2 := v[1].(string)
	if !ok1 || !ok2 {
		return fmt.Errorf("have %s and %s, want the names of module and global", kind(v[0]), kind(v[1]))
	}
	return m.find(module, name)
}

// doReduce makes the value of a global with arguments.
func doReduce(m *machine) error {
	v, err := m.popN(2)
	if err != nil {
		return err
	}
	g, ok := v[0].(*global)
	if !ok || g.call == nil {
		return fmt.Errorf("have %s, want one of the functions and classes that make values", kind(v[0]))
	}
	args, ok := v[1].(tuple)
	if !ok {
		return fmt.Errorf("%s.%s: have %s, want a tuple of arguments", g.module, g.name, kind(v[1]))
	}
	made, err := g.call(args)
	if err != nil {
		return fmt.Errorf("%s.%s: %w", g.module, g.name, err)
	}
	return m.make(made)
}

// doBuild gives a value its state. A dict's, as the versions in a state_dict, is dropped.
func doBuild(m *machine) error {
	state, err := m.pop()
	if err != nil {
		return err
	}
	v, err := m.top()
	if err != nil {
		return err
	}
	switch v := v.(type) {
	case *object:
		v.state = state
		return nil
	case *dict:
		if _, ok := state.(*dict); ok {
			return nil
		}
		return fmt.Errorf("have %s as the state of a dict, want a dict", kind(state))
	}
	return fmt.Errorf("have %s, want a value that has a state", kind(v))
}

// doPersistent puts the storage on the stack that a tuple names. Old files name the class
// of a module so, with its source text, which does not matter.
func doPersistent(m *machine) error {
	v, err := m.pop()
	if err != nil {
		return err
	}
	id, ok := v.(tuple)
	if !ok {
		return fmt.Errorf("have %s, want a tuple that names a storage", kind(v))
	}
	if len(id) > 1 && id[0] == any("module") {
		class, ok := id[1].(*global)
		if !ok {
			return fmt.Errorf("have %s, want the class of a module", kind(id[1]))
		}
		return m.push(class)
	}
	s, err := m.storage(id)
	if err != nil {
		return err
	}
	return m.make(s)
}
