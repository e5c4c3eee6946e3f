"""The paper's architectures, two small ones, and the user's own."""

from ._architecture import Architecture as Architecture
from ._architecture import build_checked as build_checked
from ._convnet import ConvNet as ConvNet
from ._logistic import LogisticRegression as LogisticRegression
from ._mlp import MLP as MLP
from ._mlp import Activation as Activation
from ._resnet import ResNet8 as ResNet8
from ._resnet import ResNet18 as ResNet18
from ._user import UserModel as UserModel
