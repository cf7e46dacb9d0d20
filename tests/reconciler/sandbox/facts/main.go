package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"sort"
	"strings"

	apiext "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/client-go/kubernetes/scheme"
	apireg "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

type fact struct {
	Always map[string]json.RawMessage `json:"always,omitempty"` // emitted for the zero value
	Drops  []string                   `json:"drops,omitempty"`  // zero scalars that vanish
	Wire   map[string][]string        `json:"wire,omitempty"`   // protobuf field number -> json name, kind
}

var special = map[string]string{
	"k8s.io/apimachinery/pkg/api/resource.Quantity":                                         "quantity",
	"k8s.io/apimachinery/pkg/apis/meta/v1.Time":                                             "time",
	"k8s.io/apimachinery/pkg/apis/meta/v1.MicroTime":                                        "microtime",
	"k8s.io/apimachinery/pkg/apis/meta/v1.Duration":                                         "duration",
	"k8s.io/apimachinery/pkg/apis/meta/v1.FieldsV1":                                         "raw",
	"k8s.io/apimachinery/pkg/runtime.RawExtension":                                          "raw",
	"k8s.io/apimachinery/pkg/util/intstr.IntOrString":                                       "intstr",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSON":                         "raw",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrArray":       "proporarray",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrBool":        "proporbool",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrStringArray": "proporstrings",
}

func kind(t reflect.Type) string {
	if t.Kind() == reflect.Ptr {
		return kind(t.Elem())
	}
	if k, ok := special[t.PkgPath()+"."+t.Name()]; ok {
		return k
	}
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "bool"
	case reflect.Int32, reflect.Int64, reflect.Int, reflect.Uint32, reflect.Uint64:
		return "int"
	case reflect.Float64:
		return "double"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "bytes"
		}
		if t.Name() != "" {
			return "items:" + kind(t.Elem())
		}
		return "[]" + kind(t.Elem())
	case reflect.Map:
		return "{}" + kind(t.Elem())
	case reflect.Struct:
		return "m:" + modelName(t)
	}
	return "?"
}

var out = map[string]*fact{}

func modelName(t reflect.Type) string {
	v := reflect.New(t).Interface()
	if n, ok := v.(interface{ OpenAPIModelName() string }); ok {
		return n.OpenAPIModelName()
	}
	p := strings.ReplaceAll(t.PkgPath(), "k8s.io/", "io.k8s.")
	return strings.ReplaceAll(p, "/", ".") + "." + t.Name()
}

func walk(t reflect.Type) {
	switch t.Kind() {
	case reflect.Ptr, reflect.Slice, reflect.Array, reflect.Map:
		walk(t.Elem())
		return
	case reflect.Struct:
	default:
		return
	}
	if reflect.PointerTo(t).Implements(reflect.TypeOf((*json.Marshaler)(nil)).Elem()) {
		return
	}
	name := modelName(t)
	if _, ok := out[name]; ok {
		return
	}
	f := &fact{}
	out[name] = f
	b, err := json.Marshal(reflect.New(t).Interface())
	if err != nil {
		fmt.Fprintln(os.Stderr, name, err)
	} else {
		json.Unmarshal(b, &f.Always)
	}
	fields(t, f)
	sort.Strings(f.Drops)
}

func fields(t reflect.Type, f *fact) {
	for i := 0; i < t.NumField(); i++ {
		fl := t.Field(i)
		if !fl.IsExported() {
			continue
		}
		tag := fl.Tag.Get("json")
		parts := strings.Split(tag, ",")
		if parts[0] == "-" {
			continue
		}
		if fl.Anonymous && parts[0] == "" {
			pb := strings.Split(fl.Tag.Get("protobuf"), ",")
			if len(pb) > 2 {
				if f.Wire == nil {
					f.Wire = map[string][]string{}
				}
				f.Wire[pb[1]] = []string{"", kind(fl.Type)}
				g := &fact{}
				fields(fl.Type, g)
				f.Drops = append(f.Drops, g.Drops...)
				walk(fl.Type)
			} else {
				fields(fl.Type, f)
			}
			continue
		}
		pb := strings.Split(fl.Tag.Get("protobuf"), ",")
		if len(pb) > 2 {
			if f.Wire == nil {
				f.Wire = map[string][]string{}
			}
			f.Wire[pb[1]] = []string{parts[0], kind(fl.Type)}
		}
		walk(fl.Type)
		omit := false
		for _, p := range parts[1:] {
			if p == "omitempty" || p == "omitzero" {
				omit = true
			}
		}
		switch fl.Type.Kind() {
		case reflect.String, reflect.Bool, reflect.Int32, reflect.Int64, reflect.Int, reflect.Uint32, reflect.Uint64, reflect.Float64:
			if omit {
				f.Drops = append(f.Drops, parts[0])
			}
		case reflect.Struct:
			z := false
			for _, p := range parts[1:] {
				if p == "omitzero" {
					z = true
				}
			}
			if z {
				f.Drops = append(f.Drops, parts[0])
			}
		}
	}
}

func main() {
	for _, t := range scheme.Scheme.AllKnownTypes() {
		walk(t)
	}
	walk(reflect.TypeOf(apiext.CustomResourceDefinition{}))
	walk(reflect.TypeOf(apireg.APIService{}))
	e := json.NewEncoder(os.Stdout)
	e.Encode(out)
}
