"""Addresses of one connection's panel, below `panel/<public id>/`."""

from django.urls import path

from bridge.panel import api, frame, rights_api, sign_in

urlpatterns = [
    path("", frame.panel, name="panel"),
    path("entrar/", sign_in.window, name="panel-sign-in"),
    path("api/sair/", api.sign_out, name="panel-sign-out"),
    path("api/conversas/<int:number>/", api.conversation, name="panel-conversation"),
    path("api/conversas/<int:number>/direitos/", rights_api.rights, name="panel-rights"),
    path("api/conversas/<int:number>/direitos/<str:action>/", rights_api.act, name="panel-rights-act"),
    path("api/conversas/<int:number>/<str:action>/", api.act, name="panel-act"),
]
