metadata description = 'Vizsla in one resource group: each module is one thing, and what it needs of another is passed to it here.'
targetScope = 'resourceGroup'

@sealed()
@description('Settings that nobody here can work out. docs/settings.md says what each is for.')
type Settings = {
  VIZSLA_TENANT: string?
  VIZSLA_CLOUD: string?
  VIZSLA_APP: string?
  VIZSLA_TEAMS_HOSTS: string?
  VIZSLA_ROW_LIMIT: string?
  VIZSLA_CALLS_A_MINUTE: string?
  VIZSLA_CALLS_AN_HOUR: string?
}

@description('What everything here is called after. Names are KIND-NAME-TOKEN, where the token keeps two deployments apart.')
@minLength(2)
@maxLength(12)
param name string

@description('The region; the resource group\'s own when left out.')
param location string = resourceGroup().location

@description('Tags for every resource that takes some.')
param tags object = {}

@description('Where findings go.')
param sinks ('memory' | 'defender_alert' | 'log_analytics' | 'teams')[] = ['memory']

@description('Write what a finding grew by to its incident, as a comment? It takes the right to change incidents.')
param comments bool = false

@description('The right with which alerts are opened. SecurityAlert.Create.All is the least; not every tenant offers it yet.')
param alertRight 'SecurityAlert.Create.All' | 'SecurityAlert.ReadWrite.All' = 'SecurityAlert.Create.All'

@description('Grant Vizsla its rights in Microsoft Graph here? The deployer must be a Privileged Role Administrator; infra/grant-permissions.sh does the same afterwards.')
param grantGraphRights bool = false

@description('The id of the Log Analytics workspace to write to; one is made when left empty.')
param workspaceId string = ''

@description('Days that a workspace made here keeps its logs.')
@minValue(30)
@maxValue(730)
param retentionDays int = 90

@description('The id of the action group that is told when hunts do not run; the portal alone shows it when left empty.')
param actionGroupId string = ''

@description('Settings that are secrets, by name. Each is read from the vault, where its name has dashes for underscores.')
param vaultSettings string[] = []

@description('Other settings.')
param settings Settings = {}

@description('The object id of who may write to the vault: a person or a group; nobody when left empty.')
param vaultWriter string = ''

@description('The client id of an application of yours whose tokens callers over HTTP show, instead of a function key.')
param callerApplication string = ''

@description('The role in that application that a caller needs.')
param callerRole string = 'Hunt.Run'

@description('Reach storage and vault over a network of their own alone?')
param privateNetwork bool = false

@description('The addresses of that network: a /24 or larger.')
param addresses string = '10.20.0.0/24'

@description('How the storage account is kept: zone-redundant needs a region with zones.')
@allowed(['Standard_LRS', 'Standard_ZRS'])
param redundancy string = 'Standard_LRS'

@description('The most instances at once. Hunts are bounded by the tenant\'s quota, not by machines.')
@minValue(40)
@maxValue(1000)
param instances int = 40

@description('Memory of an instance, in megabytes.')
@allowed([512, 2048, 4096])
param memory int = 2048

var token = take(uniqueString(resourceGroup().id, name), 6)
var names = {
  identity: 'id-${name}-${token}'
  storage: 'st${toLower(replace(name, '-', ''))}${token}'
  plan: 'asp-${name}-${token}'
  functionApp: 'func-${name}-${token}'
  keyVault: 'kv-${name}-${token}'
  workspace: 'log-${name}-${token}'
  insights: 'appi-${name}-${token}'
  rule: 'dcr-${name}-${token}'
  network: 'vnet-${name}-${token}'
  alerts: 'alert-${name}-${token}'
}
var workspace = empty(workspaceId)
  ? resourceId('Microsoft.OperationalInsights/workspaces', names.workspace)
  : workspaceId
var workspacePath = split(workspace, '/')
var writesLogs = contains(sinks, 'log_analytics')
var alertRights = alertRight == 'SecurityAlert.Create.All' ? [alertRight, 'SecurityAlert.Read.All'] : [alertRight]
var graphRights = concat(
  ['ThreatHunting.Read.All'],
  contains(sinks, 'defender_alert') ? alertRights : [],
  contains(sinks, 'defender_alert') ? [comments ? 'SecurityIncident.ReadWrite.All' : 'SecurityIncident.Read.All'] : []
)
var ownSettings = {
  VIZSLA_IDENTITY: identity.outputs.clientId
  VIZSLA_TENANT: tenant().tenantId
  VIZSLA_CLOUD: environment().name == 'AzureUSGovernment' ? 'us-gov-l4' : 'global'
  VIZSLA_TABLES_URL: storage.outputs.tableUrl
  VIZSLA_SINKS: join(sinks, ';')
  VIZSLA_COMMENTS: comments ? 'on' : 'off'
}
var logSettings = {
  VIZSLA_LOGS_URL: dataCollection!.outputs.endpoint
  VIZSLA_LOGS_RULE: dataCollection!.outputs.immutableId
  VIZSLA_LOGS_STREAM: dataCollection!.outputs.stream
}
var callerSettings = {
  VIZSLA_REQUIRE_APP_ROLE: callerRole
}
// A reference holds the secret's address, not the secret; without a version it follows the newest within a day.
var references = toObject(
  vaultSettings,
  setting => setting,
  setting => '@Microsoft.KeyVault(SecretUri=https://${names.keyVault}${environment().suffixes.keyvaultDns}/secrets/${replace(setting, '_', '-')})'
)

module identity 'modules/identity.bicep' = {
  name: 'identity'
  params: {
    name: names.identity
    location: location
    tags: tags
  }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  params: {
    name: names.storage
    location: location
    tags: tags
    redundancy: redundancy
    privateNetwork: privateNetwork
  }
}

module keyVault 'modules/key_vault.bicep' = {
  name: 'key-vault'
  params: {
    name: names.keyVault
    location: location
    tags: tags
    privateNetwork: privateNetwork
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  params: {
    insightsName: names.insights
    workspaceName: names.workspace
    workspaceId: workspaceId
    retentionDays: retentionDays
    location: location
    tags: tags
  }
}

module findingsTable 'modules/findings_table.bicep' = if (writesLogs) {
  name: 'findings-table'
  scope: resourceGroup(workspacePath[2], workspacePath[4])
  params: {
    workspaceName: last(workspacePath)
  }
  dependsOn: [monitoring]
}

module dataCollection 'modules/data_collection.bicep' = if (writesLogs) {
  name: 'data-collection'
  params: {
    name: names.rule
    location: findingsTable!.outputs.location
    tags: tags
    workspaceId: workspace
  }
}

module workbook 'modules/workbook.bicep' = {
  name: 'workbook'
  params: {
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
  }
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  params: {
    prefix: names.alerts
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    actionGroupId: actionGroupId
  }
}

module network 'modules/network.bicep' = if (privateNetwork) {
  name: 'network'
  params: {
    name: names.network
    location: location
    tags: tags
    addresses: addresses
    appAddresses: cidrSubnet(addresses, 26, 0)
    endpointAddresses: cidrSubnet(addresses, 26, 1)
    storageId: storage.outputs.id
    vaultId: keyVault.outputs.id
  }
}

module roles 'modules/roles.bicep' = {
  name: 'roles'
  params: {
    principalId: identity.outputs.principalId
    storageName: storage.outputs.name
    vaultName: keyVault.outputs.name
    insightsName: monitoring.outputs.insightsName
    ruleName: names.rule
    writesLogs: writesLogs
    vaultWriter: vaultWriter
  }
  dependsOn: [dataCollection]
}

module graphRoles 'modules/graph_roles.bicep' = if (grantGraphRights) {
  name: 'graph-roles'
  params: {
    principalId: identity.outputs.principalId
    rights: graphRights
  }
}

module functionApp 'modules/function_app.bicep' = {
  name: 'function-app'
  params: {
    name: names.functionApp
    planName: names.plan
    location: location
    tags: tags
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    storageName: storage.outputs.name
    packages: storage.outputs.packages
    insightsName: monitoring.outputs.insightsName
    subnetId: privateNetwork ? network!.outputs.appSubnetId : ''
    instances: instances
    memory: memory
    callerApplication: callerApplication
    settings: union(
      ownSettings,
      writesLogs ? logSettings : {},
      empty(callerApplication) ? {} : callerSettings,
      settings,
      references
    )
  }
  // The app starts at once, and what it may not do yet it would fail at.
  dependsOn: [roles]
}

output FUNCTION_APP string = functionApp.outputs.name
output HEALTH_URL string = '${functionApp.outputs.url}/api/health'
output IDENTITY_PRINCIPAL_ID string = identity.outputs.principalId
output KEY_VAULT string = keyVault.outputs.name
output GRAPH_RIGHTS string = join(graphRights, ' ')
output GRAPH_RIGHTS_GRANTED bool = grantGraphRights
