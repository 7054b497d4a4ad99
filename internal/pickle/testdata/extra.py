import torch, sys, pickle, io, numpy as np
from collections import OrderedDict
torch.manual_seed(0)
base=torch.randn(6,5)
w=torch.nn.Conv2d(3,4,3).weight.detach().to(memory_format=torch.channels_last)
d={"full":base,"channels_last":w,"expanded":base[0].expand(6,5),"u16":torch.arange(7).to(torch.uint16),"f8":torch.tensor([1.,-2.,448.]).to(torch.float8_e4m3fn),"f8e5":torch.tensor([1.,-2.,57344.]).to(torch.float8_e5m2),
 "c":torch.tensor([1+2j]), "col":base.t()[1:,::2], "alias":base.view(-1)[3:9]}
d["attr"]=torch.arange(3.); d["attr"].extra=7
pd=torch.nn.ParameterDict({"*":torch.nn.Parameter(torch.arange(8.).reshape(2,4))})
ti={"string_to_token":{"*":torch.tensor(265)},"string_to_param":pd,"name":"cat","step":3000,"sd_checkpoint":None}
class MC: pass
import types
m=types.ModuleType("pytorch_lightning.callbacks.model_checkpoint"); sys.modules["pytorch_lightning"]=types.ModuleType("pytorch_lightning");sys.modules["pytorch_lightning.callbacks"]=types.ModuleType("x");sys.modules[m.__name__]=m
MC.__module__=m.__name__; MC.__qualname__=MC.__name__="ModelCheckpoint"; m.ModelCheckpoint=MC
lin=torch.nn.Linear(3,2)
pl={"epoch":3,"global_step":17,"pytorch-lightning_version":"1.4.2","callbacks":{MC:{"monitor":"val/loss","best_model_score":torch.tensor(0.5),"best":np.float64(0.25),"current":None}},"optimizer_states":[torch.optim.Adam(lin.parameters()).state_dict()],"lr_schedulers":[],"state_dict":lin.state_dict(),"when":1.5}
for z in (True,False):
    n="zip" if z else "legacy"
    for p in (2,3,4,5) if z else (2,):
        torch.save(d,f"extra-{n}-{p}.pt",_use_new_zipfile_serialization=z,pickle_protocol=p)
    torch.save(ti,f"inversion-{n}.pt",_use_new_zipfile_serialization=z)
    torch.save(pl,f"lightning-{n}.ckpt",_use_new_zipfile_serialization=z)
try:
    torch.serialization.set_default_endianness if 0 else None
except Exception as e: print(e)
# the numbers
with open("extra.txt","w") as f:
    for k,v in d.items():
        if k=="c": continue
        f.write(k+" "+" ".join(map(str,v.shape))+" : "+" ".join(repr(x) for x in v.contiguous().float().flatten().tolist())+"\n")
print(lin.weight.tolist(), lin.bias.tolist())
